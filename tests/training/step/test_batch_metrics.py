"""Metrics of batches against Keras and scikit-learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import root_mean_squared_error

from kresnet.plan.objective import Objective
from kresnet.spec.recipe.metrics import TopKAccuracyMetric, metric_named
from kresnet.training.step.batch_metrics import example_values, metric_targets
from kresnet.training.step.losses import make_loss
from kresnet.training.step.metric_sums import MetricSums, sum_batch
from kresnet.training.step.output_metrics import metrics_of_sums

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(20, 7)).astype(np.float32)
LABELS = RNG.integers(0, 7, 20).astype(np.int32)


@pytest.mark.parametrize("k", [2, 3, 6])
def test_the_first_k_are_keras(k):
    metric = TopKAccuracyMetric(kind="top_k_accuracy", k=k)
    expected = keras.metrics.sparse_top_k_categorical_accuracy(LABELS, LOGITS, k=k)
    np.testing.assert_array_equal(example_values(metric, "classes", tf.constant(LOGITS), tf.constant(LABELS)), expected)


def test_the_class_of_a_mixture_is_its_largest():
    mixed = tf.constant([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    assert metric_targets("classes", mixed, mixed).numpy().tolist() == [1, 0]


def test_sums_over_padded_batches_are_scikit_learns_root_of_all():
    metric = metric_named("root_mean_squared_error")
    targets = RNG.normal(size=(20, 7)).astype(np.float32)
    loss, sums = make_loss(Objective("squared_error"), metrics=[metric]), MetricSums()
    for start, size in ((0, 8), (8, 8), (16, 4)):
        batch = [np.concatenate([each[start : start + size], each[:3]]) for each in (LOGITS, targets)]
        sums.add(sum_batch(loss, *map(tf.constant, batch), tf.constant([1.0] * size + [0.0] * 3)))
    found = metrics_of_sums(sums, [metric])
    squares = np.square(targets - LOGITS).mean()
    assert found == pytest.approx({"root_mean_squared_error": np.sqrt(squares)})
    assert root_mean_squared_error(targets.ravel(), LOGITS.ravel()) == pytest.approx(np.sqrt(squares))
    assert set(sums.means()) == {"loss", "absolute_error"}
