"""Accuracies of classes, counted by hand."""

from __future__ import annotations

import numpy as np

from kresnet.evaluation.per_class import accuracy_by_class_name, class_accuracies, worst_classes


def test_accuracies_by_class():
    matrix = np.array([[3, 1, 0], [2, 2, 4], [0, 0, 0]])
    np.testing.assert_array_equal(class_accuracies(matrix), [0.75, 0.25, np.nan])
    assert accuracy_by_class_name(matrix, ["a", "b", "c"]) == {"a": 0.75, "b": 0.25, "c": None}
    assert worst_classes(matrix, ["a", "b", "c"], 10) == [("b", 0.25, "c", 0.5), ("a", 0.75, "b", 0.25)]
    np.testing.assert_array_equal(class_accuracies(np.array([[[3, 1], [0, 4]]])), [7 / 8])
