"""Losses and metrics against Keras, timm and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.plan.objective import Objective
from kresnet.spec.recipe.metrics import metric_named
from kresnet.training.step.batch_metrics import example_values
from kresnet.training.step.losses import (
    AsymmetricCrossEntropy,
    FocalCrossEntropy,
    MeanSquaredError,
    MultiLabelCrossEntropy,
    MultiLabelFocalCrossEntropy,
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
    Objective("focal", 7, settings={"gamma": 2.0}),
    Objective("focal", 7, independent=True, settings={"gamma": 2.0, "alpha": 0.25}),
    Objective("asymmetric", 7, independent=True, settings={"gamma_positive": 1, "gamma_negative": 4, "margin": 0.05}),
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
    found = {
        name: example_values(metric_named(name), "classes", LOGITS, targets) for name in ("accuracy", "top_5_accuracy")
    }
    np.testing.assert_array_equal(found["accuracy"], keras.metrics.sparse_categorical_accuracy(LABELS, LOGITS))
    expected = keras.metrics.sparse_top_k_categorical_accuracy(LABELS, LOGITS, k=5)
    np.testing.assert_array_equal(found["top_5_accuracy"], expected)


def test_accuracy_of_independent_labels_is_keras_binary_accuracy():
    found = {
        name: example_values(metric_named(name), "labels", LOGITS, INDEPENDENT) for name in ("accuracy", "exact_match")
    }
    expected = np.mean(keras.metrics.binary_accuracy(INDEPENDENT, LOGITS, threshold=0.0), axis=-1)
    np.testing.assert_allclose(found["accuracy"], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["exact_match"], np.asarray(expected) == 1.0)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_a_loss_measures_what_its_objective_says(objective):
    loss = make_loss(objective)
    targets = LABELS if objective.classes and not objective.independent else INDEPENDENT
    outputs, targets = (LOGITS[:, :4], tf.minimum(LABELS, 3)) if objective.classes == 4 else (LOGITS, targets)
    assert ("loss", *loss.example_metrics(outputs, targets)) == loss.metrics
    assert (*loss.metrics, *(metric.name for metric in loss.measured)) == objective.metrics


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


PRESENCE = np.array([1.0, 2.0, 0.5, 10.0, 1.0, 1.0, 3.0], np.float32)
EXAMPLE_WEIGHTS = np.linspace(0.2, 3.0, 8).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def sigmoid_focal(logits: np.ndarray, targets: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
    """torchvision.ops.sigmoid_focal_loss with reduction "none", in NumPy; a negative alpha stands for none."""
    p = 1 / (1 + np.exp(-logits))
    cross_entropy = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = cross_entropy * (1 - p_t) ** gamma
    return (alpha * targets + (1 - alpha) * (1 - targets)) * loss if alpha >= 0 else loss


def asymmetric(logits: np.ndarray, targets: np.ndarray, positive: float, negative: float, margin: float) -> np.ndarray:
    """Equations 4 to 7 of Ridnik et al. 2021."""
    p = 1 / (1 + np.exp(-logits))
    shifted = np.maximum(p - margin, 0)
    present = (1 - p) ** positive * np.log(p)
    absent = shifted**negative * np.log(1 - shifted)
    return -(targets * present + (1 - targets) * absent)


def focal(logits: np.ndarray, labels: np.ndarray, gamma: float) -> np.ndarray:
    p = softmax(logits)[np.arange(len(labels)), labels]
    return -((1 - p) ** gamma) * np.log(p)


def adjusted(logits: np.ndarray, labels: np.ndarray, tau: float, prior: np.ndarray) -> np.ndarray:
    """Equation 10 of Menon et al. 2021."""
    return -np.log(softmax(logits + tau * np.log(prior))[np.arange(len(labels)), labels])


PRIOR = np.array([0.4, 0.3, 0.1, 0.1, 0.05, 0.04, 0.01])
FORMULAS = {
    "focal": (FocalCrossEntropy(2.0), LABELS, lambda z, t: focal(z, t, 2.0)),
    "focal, gamma 0.5": (FocalCrossEntropy(0.5), LABELS, lambda z, t: focal(z, t, 0.5)),
    "focal of labels": (MultiLabelFocalCrossEntropy(2.0, 0.25), INDEPENDENT,
                        lambda z, t: sigmoid_focal(z, t, 0.25, 2.0).mean(-1)),
    "focal of labels without alpha": (MultiLabelFocalCrossEntropy(1.5, None), INDEPENDENT,
                                      lambda z, t: sigmoid_focal(z, t, -1, 1.5).mean(-1)),
    "focal of weighted labels": (MultiLabelFocalCrossEntropy(2.0, None, PRESENCE), INDEPENDENT,
                                 lambda z, t: (sigmoid_focal(z, t, -1, 2.0) * np.where(t > 0, PRESENCE, 1)).mean(-1)),
    "asymmetric": (AsymmetricCrossEntropy(0.0, 4.0, 0.05), INDEPENDENT,
                   lambda z, t: asymmetric(z, t, 0.0, 4.0, 0.05).mean(-1)),
    "asymmetric, focused both ways": (AsymmetricCrossEntropy(1.0, 2.0, 0.2), INDEPENDENT,
                                      lambda z, t: asymmetric(z, t, 1.0, 2.0, 0.2).mean(-1)),
    "asymmetric without margin": (AsymmetricCrossEntropy(1.0, 2.0, 0.0), INDEPENDENT,
                                  lambda z, t: asymmetric(z, t, 1.0, 2.0, 0.0).mean(-1)),
    "asymmetric of weighted labels": (AsymmetricCrossEntropy(0.0, 4.0, 0.05, PRESENCE), INDEPENDENT,
        lambda z, t: (asymmetric(z, t, 0.0, 4.0, 0.05) * np.where(t > 0, PRESENCE, 1)).mean(-1)),
    "weighted labels": (MultiLabelCrossEntropy(presence_weights=PRESENCE), INDEPENDENT,
        lambda z, t: (sigmoid_focal(z, t, -1, 0.0) * np.where(t > 0, PRESENCE, 1)).mean(-1)),
    "logit adjustment": (SoftmaxCrossEntropy(logit_offsets=(1.5 * np.log(PRIOR)).astype(np.float32)), LABELS,
                         lambda z, t: adjusted(z, t, 1.5, PRIOR)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_and_their_gradients_are_those_of_the_papers(name):
    loss, targets, formula = FORMULAS[name]
    logits, labels = 2 * LOGITS.numpy().astype(np.float64), targets.numpy()
    np.testing.assert_allclose(loss.example_losses(tf.constant(logits, tf.float32), targets), formula(logits, labels),
                               rtol=2e-5, atol=1e-7)  # fmt: skip
    outputs = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = tf.reduce_sum(loss.example_losses(outputs, targets))
    step, differences = 1e-5, np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        there, here = logits.copy(), logits.copy()
        there[place] += step
        here[place] -= step
        differences[place] = (formula(there, labels).sum() - formula(here, labels).sum()) / (2 * step)
    np.testing.assert_allclose(tape.gradient(total, outputs), differences, rtol=1e-3, atol=2e-6)


def test_a_focus_of_nothing_is_plain_cross_entropy():
    """Also torchvision's documentation: `gamma=0` and no alpha."""
    plain = SoftmaxCrossEntropy().example_losses(LOGITS, LABELS)
    np.testing.assert_allclose(FocalCrossEntropy(0.0).example_losses(LOGITS, LABELS), plain, rtol=1e-6)
    plain = MultiLabelCrossEntropy().example_losses(LOGITS, INDEPENDENT)
    for loss in (MultiLabelFocalCrossEntropy(0.0, None), AsymmetricCrossEntropy(0.0, 0.0, 0.0)):
        np.testing.assert_allclose(loss.example_losses(LOGITS, INDEPENDENT), plain, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [FocalCrossEntropy(0.5), FocalCrossEntropy(2.0), MultiLabelFocalCrossEntropy(0.5, 0.25),
     AsymmetricCrossEntropy(0.5, 0.5, 0.05), AsymmetricCrossEntropy(0.0, 4.0, 0.0)],
)  # fmt: skip
@pytest.mark.parametrize("size", [20.0, 80.0, 1e4])
def test_extreme_logits_have_finite_losses_and_gradients(loss, size):
    outputs = tf.constant([[size, -size, 0.0], [-size, size, size]])
    one_class = isinstance(loss, FocalCrossEntropy)
    targets = tf.constant([0, 0]) if one_class else tf.constant([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        losses = loss.example_losses(outputs, targets)
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, outputs)).all()


@pytest.mark.parametrize("name", ["weighted labels", "logit adjustment"])
def test_evaluation_neither_weighs_nor_adjusts(name):
    loss, targets, _ = FORMULAS[name]
    plain = type(loss)().example_losses(LOGITS, targets)
    np.testing.assert_allclose(loss.example_losses(LOGITS, targets, training=False), plain, rtol=1e-6)
    assert not np.allclose(loss.example_losses(LOGITS, targets), plain)


def test_example_weights_are_kerass_sample_weight():
    """Keras divides by the number of examples, not by the sum of the weights."""
    reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum_over_batch_size")
    expected = reference(LABELS, LOGITS, sample_weight=EXAMPLE_WEIGHTS)
    np.testing.assert_allclose(SoftmaxCrossEntropy().mean_loss(LOGITS, LABELS, EXAMPLE_WEIGHTS), expected, rtol=1e-6)
    unweighted = reference(LABELS, LOGITS)
    np.testing.assert_allclose(SoftmaxCrossEntropy().mean_loss(LOGITS, LABELS), unweighted, rtol=1e-6)
