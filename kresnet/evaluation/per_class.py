"""What a tally of test images says of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_accuracies(tally: np.ndarray) -> np.ndarray:
    """Accuracy of each class, float64 `(classes,)`; NaN for a class that no image has.

    Args:
        tally: a confusion matrix `(classes, classes)`, whose rows are labels: the share of a class's images that are
            found to be of it (its recall); or `(classes, 2, 2)` for independent labels: the share of all images of
            which the label's presence or absence is told rightly.
    """
    if tally.ndim == 3:
        right, count = np.trace(tally, axis1=1, axis2=2), tally.sum((1, 2))
    else:
        right, count = np.diag(tally), tally.sum(1)
    return np.divide(right, count, out=np.full(len(tally), np.nan), where=count > 0)


def by_class_name(tally: np.ndarray, names: Sequence[str]) -> dict[str, float | None]:
    """`class_accuracies` by the names of the classes; None for a class that no image has."""
    accuracies = class_accuracies(tally).tolist()
    return {name: None if value != value else value for name, value in zip(names, accuracies, strict=True)}


def confusions(tally: np.ndarray, names: Sequence[str], count: int) -> list[tuple[str, float | None, str, float]]:
    """The classes that are recognised worst: name, accuracy, what they are taken for most often, and how often.

    Args:
        tally: a confusion matrix `(classes, classes)`.
        names: of the classes.
        count: how many classes at most; those without images are left out.
    """
    accuracies = class_accuracies(tally)
    wrong = tally * (1 - np.eye(len(tally), dtype=tally.dtype))
    worst = [int(n) for n in np.argsort(accuracies, kind="stable") if not np.isnan(accuracies[n])]
    return [
        (names[n], float(accuracies[n]), names[int(wrong[n].argmax())], float(wrong[n].max() / tally[n].sum()))
        for n in worst[:count]
    ]
