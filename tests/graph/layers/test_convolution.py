"""A strided 1x1 convolution gives the stock layer's numbers without the kernel that ended processes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.graph.layers import Conv2D, StandardizedConv2D
from kresnet.spec.recipe.optimizers import Sgd
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from tests.plan.networks import plan


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("side", [1, 7, 8])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_numbers_and_gradients_are_the_stock_layers(stride, side, precision):
    x = tf.constant(np.random.default_rng(0).normal(size=(2, side, side, 5)), tf.float32)
    layers = [
        make(3, 1, strides=stride, padding="same", dtype=precision, kernel_initializer=keras.initializers.HeNormal(0))
        for make in (Conv2D, keras.layers.Conv2D)
    ]
    results = []
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2)
        results.append([y, *tape.gradient(loss, [x, layer.kernel.value, layer.bias.value])])
    for ours, stock in zip(*results, strict=True):
        assert ours.dtype == stock.dtype
        tolerance = 1e-5 if precision == "float32" else 2e-2
        np.testing.assert_allclose(tf.cast(ours, tf.float32), tf.cast(stock, tf.float32), rtol=tolerance, atol=1e-4)


@pytest.mark.parametrize(
    ("groups", "kernel", "settings"),
    [(2, 3, {}), (6, 3, {"strides": 2}), (3, 3, {"dilation_rate": 2}), (2, 1, {"strides": 2}), (6, 2, {"strides": 2})],
)
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_grouped_ones_are_the_stock_layers_without_xla(groups, kernel, settings, precision):
    """Keras compiles them by XLA on a CPU, which no server runs."""
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 8, 7, 6)), tf.float32)
    ours, stock = (
        make(12, kernel, groups=groups, padding="same", dtype=precision, **settings)
        for make in (Conv2D, keras.layers.Conv2D)
    )
    results = []
    for layer in (ours, stock):
        layer.build(x.shape)
        layer.set_weights([np.random.default_rng(1).normal(size=weight.shape) / 3 for weight in layer.weights])

        def step(layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
                loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2)
            return [y, *tape.gradient(loss, [x, layer.kernel.value, layer.bias.value])]

        function = tf.function(step, autograph=False).get_concrete_function()
        results.append(function())
        compiled = [each for each in function.graph.as_graph_def().library.function if "_XlaMustCompile" in each.attr]
        assert bool(compiled) is (layer is stock)
    for one, other in zip(*results, strict=True):
        tolerance = 1e-5 if precision == "float32" else 2e-2
        scale = float(tf.reduce_max(tf.abs(tf.cast(other, tf.float32))))
        np.testing.assert_allclose(
            tf.cast(one, tf.float32), tf.cast(other, tf.float32), rtol=tolerance, atol=tolerance * scale
        )


def test_either_layer_loads_what_the_other_saved(tmp_path):
    for number, (saved, loaded) in enumerate([(Conv2D, keras.layers.Conv2D), (keras.layers.Conv2D, Conv2D)]):
        first, second = (
            keras.Sequential([keras.Input((4, 4, 2)), make(3, 1, strides=2, name="conv")]) for make in (saved, loaded)
        )
        first.save_weights(tmp_path / f"{number}.weights.h5")
        second.load_weights(tmp_path / f"{number}.weights.h5")
        x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
        np.testing.assert_allclose(first(x), second(x), rtol=1e-6)


@pytest.mark.parametrize("stride_on", ["conv1x1", "conv3x3"])
def test_no_training_step_takes_the_gradient_by_weights_of_a_strided_1x1(stride_on):
    """TensorFlow 2.21's ended the process on processors with AMX: 17 of 18 runs of one image a batch, width 8."""
    network = plan(
        block={"kind": "bottleneck", "expansion": 2, "stride_on": stride_on},
        stem={"kernel": 1, "stride": 2},
        stages=[{"blocks": 1, "width": 4, "stride": 2}] * 2,
    )
    model = build_model(network)
    trainer = Trainer(model)
    trainer.updates = make_optimizer(Sgd(kind="sgd", learning_rate=0.1), lambda _: 0.1, model.trainable_variables)
    specs = tf.TensorSpec((1, *network.input_shape), tf.uint8), tf.TensorSpec((1,), tf.int32)
    graph = tf.function(trainer.train_step, autograph=False).get_concrete_function(specs).graph
    gradients = [op for op in graph.get_operations() if op.type == "Conv2DBackpropFilter"]
    assert len(gradients) > 6
    strided = [op for op in gradients if max(op.get_attr("strides")) > 1]
    assert all(tuple(op.outputs[0].shape[:2]) != (1, 1) for op in strided)


def test_on_a_gpu_a_strided_convolution_stays_one(monkeypatch):
    """Pooling windows of one pixel takes a GPU many times as long."""
    x, kernel = (
        np.random.default_rng(0).normal(size=shape).astype("float32") for shape in ((2, 7, 7, 3), (1, 1, 3, 4))
    )
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    on_gpu = Conv2D(4, 1, strides=2, use_bias=False)
    monkeypatch.undo()
    on_cpu = Conv2D(4, 1, strides=2, use_bias=False)
    found = []
    for layer, pools in ((on_gpu, False), (on_cpu, True)):
        layer.build(x.shape)
        layer.set_weights([kernel])
        graph = tf.function(layer, autograph=False).get_concrete_function(tf.TensorSpec(x.shape)).graph
        assert pools is any(operation.type == "AvgPool" for operation in graph.get_operations())
        found.append(layer(x).numpy())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_standardised_kernel_has_mean_0_and_variance_1_in_each_filter(groups, precision):
    """By NumPy in float64; `test_timm_families` compares whole networks of it with timm's, gradients too."""
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype("float32")
    layer = StandardizedConv2D(6, 3, groups=groups, strides=2, padding="same", kernel_epsilon=0.1, dtype=precision)
    stock = Conv2D(6, 3, groups=groups, strides=2, padding="same")
    layer(x), stock(x)
    layer.kernel.assign(layer.kernel + 0.5)
    kernel = layer.kernel.numpy().astype(np.float64)
    kernel = (kernel - kernel.mean((0, 1, 2))) / np.sqrt(kernel.var((0, 1, 2)) + 0.1)
    stock.kernel.assign(kernel)
    tolerance = 1e-5 if precision == "float32" else 3e-2
    expected = np.asarray(stock(x))
    np.testing.assert_allclose(tf.cast(layer(x), tf.float32), expected, atol=tolerance * np.abs(expected).max())
    again = StandardizedConv2D.from_config(layer.get_config())
    assert again.kernel_epsilon == 0.1
