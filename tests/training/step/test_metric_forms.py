"""What a metric of all outputs is given, against SciPy's softmax and scikit-learn's binarised labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.preprocessing import label_binarize

from kresnet.errors import KresnetError
from kresnet.extensions import ExampleOutputs, register_metric
from tests.outside_recipe import Brier, brier

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(9, 4)).astype(np.float32)


def test_classes_have_a_softmax_and_labels_sigmoids():
    classes = np.arange(9, dtype=np.int32) % 4
    found = ExampleOutputs(LOGITS, classes)
    np.testing.assert_array_equal(found.probabilities, softmax(LOGITS.astype(np.float64), axis=-1))
    np.testing.assert_array_equal(found.present, label_binarize(classes, classes=range(4)))
    labels = (RNG.random((9, 4)) > 0.5).astype(np.float32)
    found = ExampleOutputs(LOGITS, labels, independent=True)
    np.testing.assert_array_equal(found.probabilities, expit(LOGITS.astype(np.float64)))
    np.testing.assert_array_equal(found.present, labels)


def test_a_bare_function_is_no_form_of_a_metric():
    with pytest.raises(KresnetError, match="A metric is an ExampleMetric, a SumMetric"):
        register_metric(Brier, brier)
