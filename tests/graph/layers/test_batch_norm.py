"""The fused batch norm against Keras's own layer, and against the derivation in float64."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph.layers import FusedBatchNorm, batch_norm
from kresnet.probes import batch_norm_derivation as derivation
from tests.command import forked_python


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, shape).astype("float32")


def norms(shape, **settings):
    """Our layer and Keras's, with the same weights, none of them at its start."""
    ours, stock = FusedBatchNorm(**settings), keras.layers.BatchNormalization(**settings)
    for layer in (ours, stock):
        layer.build((None, *shape))
    channels = shape[-1]
    weights = [np.abs(noise(channels, seed=seed)) + 0.5 for seed in range(4)]
    ours.set_weights(weights)
    stock.set_weights(weights)
    return ours, stock


SHAPES = [(6, 5, 8), (1, 1, 4), (7,)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_computes_what_keras_does(shape, training):
    x = tf.constant(noise(16, *shape))
    results = []
    for layer in norms(shape, momentum=0.9, epsilon=1e-5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(y * noise(16, *shape, seed=9))
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        results.append([y, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, stock in zip(*results, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=2e-4, atol=2e-4)


def test_batch_norm_follows_keras_over_many_steps():
    ours, stock = norms((4, 4, 3), momentum=0.8)
    for step in range(20):
        x = noise(8, 4, 4, 3, seed=step)
        ours(x, training=True)
        stock(x, training=True)
    np.testing.assert_allclose(ours.moving_mean, stock.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-5)


def test_batch_norm_has_the_weights_of_keras_in_its_order():
    ours, stock = norms((2, 2, 3))
    assert [weight.name for weight in ours.weights] == [weight.name for weight in stock.weights]
    assert [weight.name for weight in ours.trainable_weights] == ["gamma", "beta"]


def test_batch_norm_of_one_value_a_channel_is_its_beta():
    """A single value has no deviation: it normalises to zero, and the moving variance shrinks towards zero."""
    ours, stock = norms((1, 1, 4), momentum=0.9)
    x = noise(1, 1, 1, 4)
    np.testing.assert_allclose(ours(x, training=True)[0, 0, 0], ours.beta, atol=1e-6)
    stock(x, training=True)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-6)


def test_batch_norm_in_bfloat16_keeps_its_statistics_in_float32():
    ours, _ = norms((6, 6, 4), dtype="mixed_bfloat16")
    reference, _ = norms((6, 6, 4))
    x = noise(32, 6, 6, 4)
    y, expected = ours(x, training=True), reference(tf.cast(tf.cast(x, "bfloat16"), "float32"), training=True)
    assert y.dtype == tf.bfloat16
    assert {weight.dtype for weight in ours.weights} == {"float32"}
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=0.05, rtol=0.01)
    np.testing.assert_allclose(ours.moving_mean, reference.moving_mean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_gradient_that_a_deterministic_gpu_refuses_is_made_of_plain_operations(shape, monkeypatch):
    x = tf.constant(noise(16, *shape))
    ours, stock = norms(shape)
    monkeypatch.setattr(batch_norm, "is_op_determinism_enabled", lambda: True)

    @partial(tf.function, autograph=False)
    def gradients(layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=False)
        trained = [x, layer.gamma.value, layer.beta.value]
        return tape.gradient(y, trained, output_gradients=tf.constant(noise(16, *shape, seed=9)))

    def kernels(layer):
        return {op.type for op in gradients.get_concrete_function(layer).graph.get_operations()}

    expected = gradients(stock)
    assert "FusedBatchNormGradV3" in kernels(ours)
    monkeypatch.setattr(batch_norm.tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    plain, _ = norms(shape)
    assert "FusedBatchNormGradV3" not in kernels(plain)
    for found, value in zip(gradients(plain), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=2e-4, atol=2e-4)


def test_a_frozen_batch_norm_computes_as_in_inference():
    ours, _ = norms((4, 4, 3))
    x = noise(8, 4, 4, 3)
    before = [np.array(weight) for weight in ours.weights]
    inference = ours(x, training=False)
    ours.trainable = False
    np.testing.assert_array_equal(ours(x, training=True), inference)
    for weight, old in zip(ours.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_synchronized_batch_norm_on_one_device_is_batch_norm():
    ours, stock = norms((4, 4, 3))
    synchronized, _ = norms((4, 4, 3), synchronized=True)
    x = noise(8, 4, 4, 3)
    np.testing.assert_allclose(synchronized(x, training=True), stock(x, training=True), rtol=1e-4, atol=1e-4)
    ours(x, training=True)
    np.testing.assert_allclose(synchronized.moving_variance, ours.moving_variance, rtol=1e-5)


# Gradients, against the derivation in float64


EPSILON = 1e-5


def derived(x: np.ndarray, dy: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """Output, gradients and biased statistics of a batch `(N, H, W, C)`, in float64; and the size of their terms."""
    flat, slopes = (tf.constant(a.reshape(-1, a.shape[-1]), tf.float64) for a in (x, dy))
    gamma, beta = gamma.astype("float64"), beta.astype("float64")
    found = derivation.batch_statistics(flat, EPSILON)
    back = derivation.long_form(found, slopes, gamma)
    values = {
        "y": gamma * found.centred * found.inverse_std + beta,
        "x": back.x,
        "gamma": back.gamma,
        "beta": back.beta,
        "mean": found.mean,
        "variance": tf.math.reduce_variance(flat, 0),
    }
    sizes = {name: np.abs(value).max() for name, value in values.items()}
    sizes["x"] = np.abs(gamma * found.inverse_std * slopes).max()  # of two values a channel, the terms almost cancel
    shapes = {"y": x.shape, "x": x.shape}
    return {name: (np.reshape(value, shapes.get(name, -1)), sizes[name]) for name, value in values.items()}


def errors(found: dict[str, np.ndarray], exact: dict[str, tuple[np.ndarray, float]]) -> dict[str, float]:
    """The largest error of each, relative to the size of its terms."""
    return {name: float(np.abs(found[name] - value).max() / size) for name, (value, size) in exact.items()}


#: Tolerance relative to 1 + |mean| / deviation, the loss of digits in x − mean: the type's rounding, and some sums.
TYPES = {"float32": 2e-6, "bfloat16": 2e-2, "float16": 3e-3}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("mean", "deviation"), [(1.0, 2.0), (100.0, 0.05)])
def test_gradients_are_those_of_the_derivation(dtype, mean, deviation):
    if dtype != "float32" and mean == 100:
        mean = 1.0  # numbers of 8 or 11 bits do not tell 100 ± 0.05 apart
    rng = np.random.default_rng(0)
    x, dy = (tf.cast(a, dtype) for a in (rng.normal(mean, deviation, (16, 6, 6, 8)), rng.normal(size=(16, 6, 6, 8))))
    layer = FusedBatchNorm(momentum=0.0, epsilon=EPSILON, dtype=f"mixed_{dtype}" if dtype != "float32" else dtype)
    layer.build(x.shape)
    gamma, beta = (rng.normal(1.0, 0.3, 8).astype("float32") for _ in range(2))
    layer.set_weights([gamma, beta, np.zeros(8), np.ones(8)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    gradients = tape.gradient(y, [x, layer.gamma.value, layer.beta.value], output_gradients=dy)
    arrays = [np.asarray(tf.cast(a, "float64")) for a in (y, *gradients, layer.moving_mean, layer.moving_variance)]
    found = dict(zip(("y", "x", "gamma", "beta", "mean", "variance"), arrays, strict=True))
    exact = derived(*(tf.cast(a, "float64").numpy() for a in (x, dy)), gamma, beta)
    worst = errors(found, exact)
    assert max(worst.values()) < TYPES[dtype] * (1 + mean / deviation), worst


# Two replicas, in a process of their own that shows two logical CPUs

TOGETHER = """
import sys
from kresnet.runtime import import_tensorflow
import_tensorflow()
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kresnet.graph.layers import FusedBatchNorm, batch_norm

cases, found = dict(np.load(sys.argv[1])), {}
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for case in sorted({key.split("/")[0] for key in cases}):
    x, dy, gamma, beta, share = (cases[f"{case}/{key}"] for key in ("x", "dy", "gamma", "beta", "share"))
    dtype = case.split("-")[0]
    batch_norm._fused_gradient_refuses = lambda: case.endswith("deterministic")
    with strategy.scope():
        layer = FusedBatchNorm(momentum=0.0, epsilon=1e-5, synchronized=True, dtype=dtype)
        layer.build(x.shape)
        layer.set_weights([gamma, beta, np.zeros_like(gamma), np.ones_like(gamma)])

    def step(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return y, *tape.gradient(y, [x, layer.gamma.value, layer.beta.value], output_gradients=dy)

    def split(array):
        parts = np.split(array, [int(share)])
        at = lambda context: tf.cast(parts[context.replica_id_in_sync_group], layer.compute_dtype)
        return strategy.experimental_distribute_values_from_function(at)

    results = tf.function(lambda x, dy: strategy.run(step, args=(x, dy)), autograph=False)(split(x), split(dy))
    for name, value in zip(("y", "x", "gamma", "beta"), results):
        parts = [tf.cast(part, tf.float64).numpy() for part in strategy.experimental_local_results(value)]
        found[f"{case}/{name}"] = np.concatenate(parts) if name in ("y", "x") else sum(parts)
    found[f"{case}/mean"], found[f"{case}/variance"] = layer.moving_mean.numpy(), layer.moving_variance.numpy()
np.savez(sys.argv[2], **found)
"""

#: Type and case -> shape of the global batch, images of the first replica, mean and deviation of the values.
CASES = {
    "float32-even": ((16, 6, 6, 8), 8, 1.0, 2.0),
    "float32-empty": ((16, 6, 6, 8), 0, 1.0, 2.0),
    "float32-far": ((16, 6, 6, 8), 8, 100.0, 0.05),
    "float32-single": ((2, 1, 1, 8), 1, 1.0, 2.0),
    "float32-deterministic": ((16, 6, 6, 8), 8, 1.0, 2.0),
    "mixed_bfloat16-deterministic": ((16, 6, 6, 8), 8, 1.0, 2.0),
    "mixed_bfloat16-even": ((16, 6, 6, 8), 8, 1.0, 2.0),
    "mixed_float16-even": ((16, 6, 6, 8), 8, 1.0, 2.0),
}


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Inputs of every case, and what two replicas with synchronised statistics make of them."""
    directory, rng, cases = tmp_path_factory.mktemp("together"), np.random.default_rng(1), {}
    for case, (shape, share, mean, deviation) in CASES.items():
        dtype = case.split("-")[0].removeprefix("mixed_")
        for name, values in {"x": rng.normal(mean, deviation, shape), "dy": rng.normal(size=shape)}.items():
            cases[f"{case}/{name}"] = tf.cast(tf.cast(values, dtype), "float32").numpy()
        for name in ("gamma", "beta"):
            cases[f"{case}/{name}"] = rng.normal(1.0, 0.3, shape[-1]).astype("float32")
        cases[f"{case}/share"] = np.array(share)
    np.savez(directory / "cases.npz", **cases)
    done = forked_python(TOGETHER, directory / "cases.npz", directory / "found.npz")
    assert done.returncode == 0, done.stderr[-2000:]
    return cases, dict(np.load(directory / "found.npz"))


@pytest.mark.parametrize("case", CASES)
def test_synchronized_replicas_compute_what_one_would(together, case):
    """Output, gradients and moving statistics of the global batch, however it is split."""
    cases, found = together
    exact = derived(*(cases[f"{case}/{name}"] for name in ("x", "dy", "gamma", "beta")))
    worst = errors({name: found[f"{case}/{name}"] for name in exact}, exact)
    _, _, mean, deviation = CASES[case]
    dtype = case.split("-")[0].removeprefix("mixed_")
    assert max(worst.values()) < TYPES[dtype] * (1 + mean / deviation), worst


# Guards and files


@pytest.mark.parametrize("synchronized", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_an_empty_batch_moves_nothing_and_has_no_gradient(synchronized, dtype):
    ours, _ = norms((4, 4, 3), synchronized=synchronized, dtype=dtype)
    before = [np.array(weight) for weight in ours.weights]
    with tf.GradientTape() as tape:
        y = ours(np.zeros((0, 4, 4, 3), "float32"), training=True)
    assert y.shape == (0, 4, 4, 3)
    for weight, old in zip(ours.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    for gradient in tape.gradient(y, [ours.gamma.value, ours.beta.value]):
        np.testing.assert_array_equal(gradient, np.zeros(3))


def test_batch_norm_takes_batches_of_unknown_size():
    ours, stock = norms((4, 4, 3), momentum=0.5)
    step = tf.function(lambda x: ours(x, training=True), input_signature=[tf.TensorSpec([None, None, None, 3])])
    for images in (5, 1, 0):
        step(noise(images, 4, 4, 3, seed=images))
        if images:
            stock(noise(images, 4, 4, 3, seed=images), training=True)
    np.testing.assert_allclose(ours.moving_variance, stock.moving_variance, rtol=1e-5)


@pytest.mark.parametrize("settings", [{"axis": 1}, {"center": False}, {"scale": False}])
def test_settings_without_a_kernel_are_refused(settings):
    with pytest.raises(ValueError, match="FusedBatchNorm has a gamma and a beta"):
        FusedBatchNorm(**settings)


KINDS = [FusedBatchNorm, keras.layers.BatchNormalization]


@pytest.mark.parametrize("kinds", [KINDS, KINDS[::-1]], ids=["ours_by_keras", "keras_by_ours"])
def test_either_layer_loads_what_the_other_saved(kinds, tmp_path):
    saved, loaded = (
        keras.Sequential([keras.Input((4, 4, 3)), kind(momentum=0.8, epsilon=1e-4, name="norm")]) for kind in kinds
    )
    saved.set_weights([np.abs(noise(3, seed=seed)) + 0.5 for seed in range(4)])
    saved.save_weights(tmp_path / "a.weights.h5")
    loaded.load_weights(tmp_path / "a.weights.h5")
    x = noise(2, 4, 4, 3)
    np.testing.assert_allclose(loaded(x), saved(x), rtol=1e-5, atol=1e-6)


def test_batch_norm_survives_a_keras_file(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), FusedBatchNorm(momentum=0.8, synchronized=True)])
    model.set_weights([np.abs(noise(3, seed=seed)) + 0.5 for seed in range(4)])
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again(noise(2, 4, 4, 3)), model(noise(2, 4, 4, 3)))
    assert again.layers[-1].get_config() == model.layers[-1].get_config()


def test_batch_norm_is_rebuilt_from_its_configuration():
    layer = FusedBatchNorm(momentum=0.8, name="a")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
