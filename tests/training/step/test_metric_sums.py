"""Means over batches are those of Keras's metrics and of NumPy over all examples at once."""

import keras
import numpy as np
import tensorflow as tf

from kresnet.plan.objective import Objective
from kresnet.training.step.losses import MeanSquaredError, SoftmaxCrossEntropy, make_loss
from kresnet.training.step.metric_sums import MetricSums, sum_batch

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.standard_normal((20, 7)).astype(np.float32)
LABELS = RANDOM.integers(0, 7, 20).astype(np.int32)


def add_up(loss, outputs, targets, sizes) -> MetricSums:
    """Sums over batches of these sizes, each padded with two examples that count for nothing."""
    sums, start = MetricSums(), 0
    for size in sizes:
        batch = slice(start, start + size)
        padded = [np.concatenate([each[batch], np.ones_like(each[:2])]) for each in (outputs, targets)]
        weights = tf.constant([1.0] * size + [0.0] * 2)
        sums.add(sum_batch(loss, *map(tf.constant, padded), weights))
        start += size
    return sums


def test_means_of_a_classifier_are_those_of_keras():
    means = add_up(make_loss(Objective("softmax", 7)), LOGITS, LABELS, (8, 8, 4)).means()
    metrics = {
        "loss": keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
        "accuracy": keras.metrics.SparseCategoricalAccuracy(),
        "top_5_accuracy": keras.metrics.SparseTopKCategoricalAccuracy(5),
    }
    assert means.keys() == metrics.keys()
    for name, metric in metrics.items():
        metric.update_state(LABELS, LOGITS)
        np.testing.assert_allclose(means[name], float(metric.result()), rtol=1e-6)


def test_the_confusion_matrix_counts_every_example_once():
    expected = np.zeros((7, 7), int)
    np.add.at(expected, (LABELS, LOGITS.argmax(-1)), 1)
    matrix = add_up(SoftmaxCrossEntropy(), LOGITS, LABELS, (8, 8, 4)).confusion_matrix()
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


def test_values_have_no_confusion_matrix():
    targets = RANDOM.standard_normal((20, 7)).astype(np.float32)
    sums = add_up(MeanSquaredError(), LOGITS, targets, (16, 4))
    assert sums.confusion_matrix() is None
    np.testing.assert_allclose(sums.means()["absolute_error"], np.abs(LOGITS - targets).mean(), rtol=1e-6)
