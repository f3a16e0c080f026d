"""kresnet's fused updates against Keras's and timm's optimizers and the papers' algorithms, over several steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.spec.recipe import AdamW, Lamb, Lars, RmsProp, Sgd
from kresnet.training.step.optimizers import make_optimizer
from tests.training.reference import STEPS, gradients, pytorch, start

RATE = 0.05
ALL = [Sgd(kind="sgd"), AdamW(kind="adamw"), Lamb(kind="lamb"), Lars(kind="lars"), RmsProp(kind="rmsprop")]


def weights() -> list[keras.Variable]:
    return [keras.Variable(value, name=name) for value, name in zip(start(), ("kernel", "gamma"), strict=True)]


def train(settings, start: list[keras.Variable], squares: float = 0.0) -> list[np.ndarray]:
    """The weights after `STEPS` updates; `squares` is where RMSprop's mean of squared gradients starts."""
    optimizer = make_optimizer(settings, lambda step: tf.constant(RATE), start)
    for slot in optimizer.slots[0] if squares else ():
        slot.assign(tf.fill(slot.shape, squares))
    update = tf.function(optimizer.apply, autograph=False)
    for step in gradients():
        update([tf.constant(gradient) for gradient in step])
    assert int(optimizer.iterations) == STEPS
    return [np.asarray(weight) for weight in start]


def train_keras(optimizer: keras.optimizers.Optimizer, start: list[keras.Variable], decay: float = 0.0):
    for step in gradients():
        decayed = [
            tf.constant(g) + (decay * w.value if w.name == "kernel" else 0.0) for g, w in zip(step, start, strict=True)
        ]
        optimizer.apply(decayed, start)
    return [np.asarray(weight) for weight in start]


def assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_is_keras_sgd_with_l2_on_kernels(nesterov, decay):
    ours = train(Sgd(kind="sgd", nesterov=nesterov, weight_decay=decay), weights())
    assert_equal(ours, train_keras(keras.optimizers.SGD(RATE, 0.9, nesterov), weights(), decay))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_is_keras_adamw_with_decay_on_kernels(decay):
    theirs = keras.optimizers.AdamW(RATE, weight_decay=decay, epsilon=1e-8)
    theirs.exclude_from_weight_decay(var_names=["gamma"])
    ours = train(AdamW(kind="adamw", weight_decay=decay), weights())
    assert_equal(ours, train_keras(theirs, weights()))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_is_keras_rmsprop_with_l2_on_kernels(momentum):
    ours = train(RmsProp(kind="rmsprop", momentum=momentum, weight_decay=0.1), weights())
    theirs = keras.optimizers.RMSprop(RATE, rho=0.9, momentum=momentum, epsilon=1e-3)
    assert_equal(ours, train_keras(theirs, weights(), 0.1))


def test_rmsprop_is_timms_rmsprop_of_tensorflow():
    """Which starts its mean of squared gradients at 1, as TensorFlow 1 did."""
    ours = train(RmsProp(kind="rmsprop", momentum=0.9, weight_decay=0.1), weights(), squares=1.0)
    assert_equal(ours, pytorch()["rmsprop"])


def test_lamb_is_timms_lamb():
    assert_equal(train(Lamb(kind="lamb", weight_decay=0.1), weights()), pytorch()["lamb"])


def test_lars_without_momentum_is_timms_lars():
    settings = Lars(kind="lars", momentum=0.0, weight_decay=0.1, trust_coefficient=0.02)
    assert_equal(train(settings, weights()), pytorch()["lars"])


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_is_algorithm_1_of_its_paper(nesterov):
    """You et al. 2017: the learning rate is within the momentum, unlike in timm."""
    momentum, decay, trust = 0.9, 0.1, 0.02
    expected = [weight.astype(np.float64) for weight in start()]
    speeds = [np.zeros_like(weight) for weight in expected]
    for step in gradients():
        for n, gradient in enumerate(step):
            weight, local = expected[n], 1.0
            if n == 0:
                norm = np.linalg.norm
                local = trust * norm(weight) / (norm(gradient) + decay * norm(weight))
                gradient = gradient + decay * weight
            speeds[n] = momentum * speeds[n] + RATE * local * gradient
            expected[n] = weight - (momentum * speeds[n] + RATE * local * gradient if nesterov else speeds[n])
    settings = Lars(kind="lars", nesterov=nesterov, weight_decay=decay, trust_coefficient=trust)
    assert_equal(train(settings, weights()), expected)


@pytest.mark.parametrize("settings", ALL, ids=lambda settings: settings.kind)
def test_decay_leaves_norm_and_bias_alone(settings):
    decayed = train(settings.model_copy(update={"weight_decay": 0.5}), weights())
    plain = train(settings.model_copy(update={"weight_decay": 0.0}), weights())
    assert not np.allclose(decayed[0], plain[0])
    np.testing.assert_array_equal(decayed[1], plain[1])


@pytest.mark.parametrize("kind", [Lamb(kind="lamb"), Lars(kind="lars")], ids=lambda settings: settings.kind)
def test_a_layer_of_zeros_can_begin_to_move(kind):
    kernel = keras.Variable(np.zeros((3, 4), np.float32), name="kernel")
    moved = train(kind, [kernel, weights()[1]])[0]
    assert np.isfinite(moved).all()
    assert np.abs(moved).max() > 0


@pytest.mark.parametrize("settings", ALL, ids=lambda settings: settings.kind)
def test_a_resumed_optimizer_continues_exactly(settings):
    whole = weights()
    train(settings, whole)
    halves = weights()
    first = make_optimizer(settings, lambda step: tf.constant(RATE), halves)
    for step in gradients()[:3]:
        first.apply([tf.constant(gradient) for gradient in step])
    second = make_optimizer(settings, lambda step: tf.constant(RATE), halves)
    for new, old in zip(second.variables, first.variables, strict=True):
        new.assign(old)
    for step in gradients()[3:]:
        second.apply([tf.constant(gradient) for gradient in step])
    assert_equal([np.asarray(weight) for weight in halves], [np.asarray(weight) for weight in whole])


@pytest.mark.parametrize("settings", ALL, ids=lambda settings: settings.kind)
def test_a_weight_of_half_the_rate_changes_as_by_an_optimizer_of_half_the_rate(settings):
    def trained(rate: float, *shares: float) -> list[np.ndarray]:
        start = weights()
        optimizer = make_optimizer(settings, lambda step: tf.constant(rate), start, shares)
        for step in gradients():
            optimizer.apply([tf.constant(gradient) for gradient in step])
        return [np.asarray(weight) for weight in start]

    whole, half, mixed = trained(RATE), trained(0.5 * RATE), trained(RATE, 1.0, 0.5)
    np.testing.assert_array_equal(mixed[0], whole[0])
    np.testing.assert_array_equal(mixed[1], half[1])
