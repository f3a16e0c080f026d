"""Accuracies of single classes as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kresnet.cli.common import stdout_console
from kresnet.cli.table_layout import fitting_table

#: How many classes are shown.
SHOWN = 10


def print_class_accuracies(accuracies: Mapping[str, float | None], confusion_matrix: list[Any]) -> None:
    """Print the classes that are recognised worst, each with the class that it is most often taken for."""
    import numpy as np

    from kresnet.evaluation.per_class import worst_classes

    counts, names = np.array(confusion_matrix), list(accuracies)
    several = len(names) > SHOWN
    out = stdout_console()
    out.print(f"The {SHOWN} classes recognised worst" if several else "Classes, worst first", style="bold")
    words = ("class", "most often taken for")
    if counts.ndim == 3:
        table = fitting_table("class", "accuracy", right=("accuracy",), wraps=("class",))
        worst = sorted((value, name) for name, value in accuracies.items() if value is not None)
        for value, name in worst[:SHOWN]:
            table.add_row(name, f"{value:.4f}")
    else:
        table = fitting_table(
            "class", "accuracy", "most often taken for", "share", right=("accuracy", "share"), wraps=words
        )
        for name, accuracy, other, share in worst_classes(counts, names, SHOWN):
            table.add_row(name, f"{accuracy:.4f}", other if share else "", f"{share:.4f}" if share else "")
    out.print(table)
