"""What a confusion matrix says of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_accuracies(matrix: np.ndarray) -> np.ndarray:
    """Return the accuracy of each class, float64 `(classes,)`; NaN for a class that no image has.

    Args:
        matrix: a confusion matrix `(classes, classes)`, whose rows are labels: a class's accuracy is the part of its
            images that are recognised (its recall); or `(classes, 2, 2)` for independent labels: a label's accuracy
            is the part of all images for which its presence or absence is predicted rightly.
    """
    if matrix.ndim == 3:
        right, count = np.trace(matrix, axis1=1, axis2=2), matrix.sum((1, 2))
    else:
        right, count = np.diag(matrix), matrix.sum(1)
    return np.divide(right, count, out=np.full(len(matrix), np.nan), where=count > 0)


def accuracy_by_class_name(matrix: np.ndarray, names: Sequence[str]) -> dict[str, float | None]:
    """Return `class_accuracies` by the names of the classes; None for a class that no image has."""
    accuracies = class_accuracies(matrix).tolist()
    return {name: None if value != value else value for name, value in zip(names, accuracies, strict=True)}


def worst_classes(matrix: np.ndarray, names: Sequence[str], count: int) -> list[tuple[str, float | None, str, float]]:
    """Return the classes that are recognised worst, each with the class that it is most often taken for.

    Args:
        matrix: a confusion matrix `(classes, classes)`.
        names: a name for every class.
        count: how many classes at most; those without images are left out.

    Returns:
        Of each, the worst first: its name, its accuracy, the class that it is most often taken for, and the part of
        its images that are.
    """
    accuracies = class_accuracies(matrix)
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    worst = [int(n) for n in np.argsort(accuracies, kind="stable") if not np.isnan(accuracies[n])]
    return [
        (names[n], float(accuracies[n]), names[int(wrong[n].argmax())], float(wrong[n].max() / matrix[n].sum()))
        for n in worst[:count]
    ]
