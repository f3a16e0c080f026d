"""Metrics of all examples of a split, and those of single classes as a table, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kresnet.cli.common import stdout_console
from kresnet.cli.table_layout import fitting_table
from kresnet.spec.recipe.metrics import EXAMPLE_METRICS, Metric

#: What an evaluation has beside metrics, or tells elsewhere.
_OTHERWISE = ("seconds", "calibration_error", "adaptive_calibration_error")
#: How many classes are shown.
SHOWN = 10


def print_split_metrics(result: Mapping[str, Any]) -> None:
    """Print the metrics of `evaluate` that are no means over examples, and which classes their means leave out."""
    out = stdout_console()
    known = [name for name, _ in Metric.kinds.items()]
    others = [name for name, value in result.items() if isinstance(value, float) and name not in (*known, *_OTHERWISE)]
    names = [name for name in (*known, *others) if name in result and name not in EXAMPLE_METRICS]
    if names:
        out.print(", ".join(f"{name.replace('_', ' ')} {result[name]:.4f}" for name in names))
    for sentence in result.get("undefined", ()):
        out.print(sentence)


def print_calibration_errors(result: Mapping[str, Any]) -> None:
    """Print how far a classifier's probabilities are from what comes true, and by what they are calibrated."""
    if "calibration_error" not in result:
        return
    text = f"calibration error {result['calibration_error']:.4f}, adaptive {result['adaptive_calibration_error']:.4f}"
    if temperatures := result["temperatures"]:
        text += f"; calibrated by {temperatures_text(temperatures)}"
    stdout_console().print(text)


def temperatures_text(temperatures: Sequence[float]) -> str:
    """Return temperatures in words: the number, or of several labels how far they reach."""
    if len(temperatures) == 1:
        return f"the temperature {temperatures[0]:.4g}"
    return f"a temperature for each label, {min(temperatures):.3g} to {max(temperatures):.3g}"


def print_corruptions(found: Mapping[str, Any]) -> None:
    """Print the errors on corrupted images as a table, a kind a row, and their means."""
    severities = sorted({severity for kind in found["kinds"].values() for severity in kind["errors"]})
    out = stdout_console()
    out.print(f"Errors ({found['metric']}) on corrupted images, of the strengths of {found['strengths']}", style="bold")
    table = fitting_table("corruption", "family", *severities, "mean", right=(*severities, "mean"))
    for name, kind in found["kinds"].items():
        errors = (_number(kind["errors"].get(severity)) for severity in severities)
        table.add_row(name.replace("_", " "), kind["family"], *errors, _number(kind["mean"]))
    out.print(table)
    families = ", ".join(f"{name} {value:.4f}" for name, value in found["families"].items())
    out.print(f"mean error {found['mean']:.4f}; {families}")


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
