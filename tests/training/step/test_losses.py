"""Losses and metrics against Keras, timm and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.plan.objective import Objective
from kresnet.training.step.losses import (
    MeanSquaredError,
    MultiLabelCrossEntropy,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    make_loss,
)
from tests.training.reference import logits_and_labels, pytorch

RNG = np.random.default_rng(0)
LOGITS = tf.constant(RNG.normal(size=(8, 7)).astype(np.float32))
LABELS = tf.constant(RNG.integers(0, 7, 8).astype(np.int32))
ONE_HOT = tf.one_hot(LABELS, 7)
INDEPENDENT = tf.constant(RNG.integers(0, 2, (8, 7)).astype(np.float32))
MIXED = 0.7 * ONE_HOT + 0.3 * tf.one_hot((LABELS + 1) % 7, 7)

OBJECTIVES = [
    Objective("softmax", 4),
    Objective("softmax", 7),
    Objective("sigmoid", 7),
    Objective("sigmoid", 7, independent=True),
    Objective("squared_error"),
]


@pytest.mark.parametrize("targets", [LABELS, ONE_HOT, MIXED], ids=["classes", "one hot", "mixed"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_is_keras_categorical_crossentropy(targets, smoothing):
    reference = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, reduction=None)
    dense = ONE_HOT if targets is LABELS else targets
    np.testing.assert_allclose(
        SoftmaxCrossEntropy(smoothing).example_losses(LOGITS, targets), reference(dense, LOGITS), rtol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_sigmoid_of_independent_labels_is_keras_binary_crossentropy(smoothing):
    reference = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing, reduction=None)
    expected = reference(INDEPENDENT, LOGITS)
    np.testing.assert_allclose(
        MultiLabelCrossEntropy(smoothing).example_losses(LOGITS, INDEPENDENT), expected, rtol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sigmoid_of_classes_is_timms_binary_cross_entropy(smoothing):
    logits, labels = map(tf.constant, logits_and_labels())
    found = tf.reduce_mean(SigmoidCrossEntropy(smoothing).example_losses(logits, labels))
    np.testing.assert_allclose(found, pytorch()[f"binary_{smoothing}"], rtol=1e-5)


@pytest.mark.parametrize(
    "loss", [SoftmaxCrossEntropy(), SoftmaxCrossEntropy(0.1), SigmoidCrossEntropy(0.1), MultiLabelCrossEntropy(0.1)]
)
def test_the_loss_of_a_mixture_is_that_of_the_two_labels_in_their_shares(loss):
    expected = 0.7 * loss.example_losses(LOGITS, LABELS) + 0.3 * loss.example_losses(LOGITS, (LABELS + 1) % 7)
    np.testing.assert_allclose(loss.example_losses(LOGITS, MIXED), expected, rtol=1e-5)


def test_a_threshold_makes_each_class_of_a_mixture_present():
    """Wightman et al. 2021, section 2.2: target 1 for each concept of the mixture, or 1 - epsilon."""
    present = tf.cast(MIXED > 0.2, tf.float32)
    for smoothing in (0.0, 0.1):
        found = SigmoidCrossEntropy(smoothing, 0.2).example_losses(LOGITS, MIXED)
        np.testing.assert_allclose(found, SigmoidCrossEntropy(smoothing).example_losses(LOGITS, present), rtol=1e-6)
    assert not np.allclose(
        SigmoidCrossEntropy(0.0, 0.4).example_losses(LOGITS, MIXED),
        SigmoidCrossEntropy(0.0, 0.2).example_losses(LOGITS, MIXED),
    )


def test_squares_are_keras_mean_squared_and_absolute_error():
    targets = tf.constant(RNG.normal(size=(8, 7)).astype(np.float32))
    np.testing.assert_allclose(
        MeanSquaredError().example_losses(LOGITS, targets), keras.losses.mean_squared_error(targets, LOGITS), 1e-5
    )
    found = MeanSquaredError().example_metrics(LOGITS, targets)["absolute_error"]
    np.testing.assert_allclose(found, keras.losses.mean_absolute_error(targets, LOGITS), 1e-5)


def test_squares_take_the_mean_over_maps_too():
    outputs, targets = (tf.constant(RNG.normal(size=(3, 4, 5, 2)).astype(np.float32)) for _ in range(2))
    expected = np.square(outputs - targets).reshape(3, -1).mean(1)
    np.testing.assert_allclose(MeanSquaredError().example_losses(outputs, targets), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.3), SigmoidCrossEntropy(0.3, 0.2), MultiLabelCrossEntropy(0.3)])
def test_evaluation_neither_smooths_nor_cuts_off(loss):
    plain = type(loss)().example_losses(LOGITS, MIXED)
    np.testing.assert_allclose(loss.example_losses(LOGITS, MIXED, training=False), plain, rtol=1e-6)
    assert not np.allclose(loss.example_losses(LOGITS, MIXED), plain)


@pytest.mark.parametrize("targets", [LABELS, MIXED], ids=["classes", "mixed"])
def test_accuracies_are_keras_accuracies(targets):
    found = SoftmaxCrossEntropy(top_5=True).example_metrics(LOGITS, targets, detailed=True)
    np.testing.assert_array_equal(found["accuracy"], keras.metrics.sparse_categorical_accuracy(LABELS, LOGITS))
    expected = keras.metrics.sparse_top_k_categorical_accuracy(LABELS, LOGITS, k=5)
    np.testing.assert_array_equal(found["top_5_accuracy"], expected)


def test_accuracy_of_independent_labels_is_keras_binary_accuracy():
    found = MultiLabelCrossEntropy().example_metrics(LOGITS, INDEPENDENT, detailed=True)
    expected = np.mean(keras.metrics.binary_accuracy(INDEPENDENT, LOGITS, threshold=0.0), axis=-1)
    np.testing.assert_allclose(found["accuracy"], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["exact_match"], np.asarray(expected) == 1.0)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_a_loss_measures_what_its_objective_says(objective):
    loss = make_loss(objective)
    targets = LABELS if objective.classes and not objective.independent else INDEPENDENT
    outputs, targets = (LOGITS[:, :4], tf.minimum(LABELS, 3)) if objective.classes == 4 else (LOGITS, targets)
    assert ("loss", *loss.example_metrics(outputs, targets)) == loss.metrics
    assert ("loss", *loss.example_metrics(outputs, targets, detailed=True)) == objective.metrics


def test_the_confusion_matrix_counts_labels_by_guesses():
    expected = np.zeros((7, 7), int)
    for label, row in zip(LABELS.numpy()[:6], LOGITS.numpy()[:6], strict=True):
        expected[label, row.argmax()] += 1
    weights = tf.constant([1.0] * 6 + [0.0] * 2)
    np.testing.assert_array_equal(SoftmaxCrossEntropy().confusion_matrix(LOGITS, LABELS, weights), expected)


def test_the_table_of_a_label_counts_there_by_found():
    weights = tf.constant([1.0] * 6 + [0.0] * 2)
    tables = MultiLabelCrossEntropy().confusion_matrix(LOGITS, INDEPENDENT, weights).numpy()
    for label in range(7):
        for there in (0, 1):
            for found in (0, 1):
                matches = (INDEPENDENT.numpy()[:6, label] == there) & ((LOGITS.numpy()[:6, label] > 0) == found)
                assert tables[label, there, found] == matches.sum()
