"""The report of a device check as a table for a terminal; nothing here imports TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from kresnet.cli.table_layout import fitting_table

if TYPE_CHECKING:
    from kresnet.diagnostics.device_check.device_report import DeviceReport


def device_table(report: DeviceReport) -> Table:
    """Return a table of a device check's results, with the figures of each."""
    from kresnet.diagnostics.device_check.device_report import figures_text

    table = fitting_table("part", "what", "verdict", "figures", "s", right=("s",), wraps=("what", "figures"))
    for entry in report.entries:
        result = entry.result
        name = "" if result.name == entry.part else result.name
        table.add_row(entry.part, name, result.verdict, figures_text(result.figures), f"{entry.seconds:.1f}")
    return table
