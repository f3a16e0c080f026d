"""Metrics of all examples of a split, and those of single classes as a table, for a terminal."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from kresnet.cli.common import stdout_console
from kresnet.cli.table_layout import fitting_table
from kresnet.spec.recipe.stopping import EXAMPLE_METRICS, Metric

#: How many classes are shown.
SHOWN = 10


def print_split_metrics(result: Mapping[str, Any]) -> None:
    """Print the metrics of `evaluate` that are no means over examples, and which classes their means leave out."""
    out = stdout_console()
    names = [name for name in typing.get_args(Metric) if name in result and name not in EXAMPLE_METRICS]
    if names:
        out.print(", ".join(f"{name.replace('_', ' ')} {result[name]:.4f}" for name in names))
    for sentence in result.get("undefined", ()):
        out.print(sentence)


def print_class_accuracies(by_class: Mapping[str, Mapping[str, Any]], confusion_matrix: list[Any]) -> None:
    """Print the classes that are recognised worst, each with the class that it is most often taken for.

    Args:
        by_class: `by_class` of `evaluate`.
        confusion_matrix: `tally` of `evaluate`. Of independent labels those are shown whose average precision is worst.
    """
    import numpy as np

    from kresnet.evaluation.per_class import worst_classes

    counts, names = np.array(confusion_matrix), list(by_class)
    several = len(names) > SHOWN
    out = stdout_console()
    out.print(f"The {SHOWN} classes recognised worst" if several else "Classes, worst first", style="bold")
    if counts.ndim == 3:
        figures = ("images", "precision", "recall", "average precision")
        table = fitting_table("class", *figures, right=figures, wraps=("class",))
        measured = [name for name in names if by_class[name].get("average_precision") is not None]
        for name in sorted(measured, key=lambda name: by_class[name]["average_precision"])[:SHOWN]:
            scores = by_class[name]
            values = (scores[key] for key in ("precision", "recall", "average_precision"))
            table.add_row(name, f"{scores['examples']:,}", *map(_number, values))
    else:
        columns = ("images", "recall", "precision")
        words = ("class", "most often taken for")
        table = fitting_table("class", *columns, "taken for", "share", right=(*columns, "share"), wraps=words)
        for name, recall, other, share in worst_classes(counts, names, SHOWN):
            table.add_row(
                name,
                f"{by_class[name]['examples']:,}",
                _number(recall),
                _number(by_class[name]["precision"]),
                other if share else "",
                _number(share) if share else "",
            )
    out.print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
