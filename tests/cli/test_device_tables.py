"""The report of a check of a device as a table, drawn without TensorFlow."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from kresnet.cli.device_tables import device_table
from kresnet.diagnostics.device_check.device_report import PartEntry, begin_report
from kresnet.diagnostics.device_check.part import PartResult


def test_a_row_a_result():
    result = PartResult("XLA in float32", "failed", {"update differs by": 0.25, "over": "ring"})
    report = replace(begin_report(True), entries=(PartEntry("xla", result, 2.0),))
    out = io.StringIO()
    Console(file=out, width=120).print(device_table(report))
    row = out.getvalue().splitlines()[2].split()
    assert " ".join(row) == "xla XLA in float32 failed update differs by 0.25, over ring 2.0"
