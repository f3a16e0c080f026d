"""What `evaluate` says of single classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from kresnet.cli.common import console

#: How many classes are shown.
SHOWN = 10


def print_classes(accuracies: Mapping[str, float | None], tally: list[Any]) -> None:
    """The classes that are recognised worst, each with what it is taken for."""
    import numpy as np

    from kresnet.training.classes import confusions

    counts, names = np.array(tally), list(accuracies)
    several = len(names) > SHOWN
    table = Table(title=f"The {SHOWN} classes recognised worst" if several else "Classes, worst first", box=None)
    table.add_column("class")
    table.add_column("accuracy", justify="right")
    if counts.ndim == 3:
        worst = sorted((value, name) for name, value in accuracies.items() if value is not None)
        for value, name in worst[:SHOWN]:
            table.add_row(name, f"{value:.4f}")
    else:
        table.add_column("most often taken for")
        table.add_column("share", justify="right")
        for name, accuracy, other, share in confusions(counts, names, SHOWN):
            table.add_row(name, f"{accuracy:.4f}", other if share else "", f"{share:.4f}" if share else "")
    console().print(table)
