"""Numbers of confusion matrices where classes are missing, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from kresnet.spec.implementations import implementation
from kresnet.spec.recipe.metrics import metric_named
from kresnet.training.step.confusion_scores import OF_MATRIX, class_scores

MATTHEWS = metric_named("matthews_correlation")


@pytest.mark.parametrize("matrix", [[[3, 1, 0], [2, 5, 0], [0, 0, 0]], [[4, 0], [3, 0]], [[0, 0], [3, 0]]])
def test_the_correlation_is_scikit_learns_with_classes_that_do_not_occur(matrix):
    counts = np.array(matrix)
    labels, predictions = (np.repeat(each, counts.ravel()) for each in np.indices(counts.shape).reshape(2, -1))
    found = implementation(MATTHEWS).function(MATTHEWS, counts)
    assert found == pytest.approx(matthews_corrcoef(labels, predictions))


def test_without_examples_nothing_is_defined():
    nothing = np.zeros((3, 3), np.int64)
    for name in (*OF_MATRIX, "matthews_correlation"):
        assert np.isnan(implementation(metric_named(name)).function(metric_named(name), nothing))
    assert all(np.isnan(scores).all() for scores in class_scores(nothing))
