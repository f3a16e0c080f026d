"""The contenders build one network: what is compared is how it runs, not what it is."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from benchmarks.jobs import NETWORKS, RUNTIMES, Job
from benchmarks.peers import PIXEL_MEAN, PIXEL_STD, ring
from benchmarks.peers.runtimes import Contender
from benchmarks.peers.stock_keras import build
from kresnet.graph import build_model
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec


@pytest.mark.parametrize("name", NETWORKS)
def test_stock_keras_has_the_plan_s_figures(name: str) -> None:
    plan, network = plan_loaded(load_spec(name)), NETWORKS[name]
    assert (plan.input_shape, plan.macs) == (network.shape, network.macs)
    stock = build(name)
    assert sum(weight.shape.num_elements() for weight in stock.trainable_variables) == plan.trainable
    assert stock.count_params() == plan.trainable + plan.non_trainable
    assert not any("kresnet" in type(layer).__module__ for layer in stock.layers)


def test_stock_keras_computes_what_kresnet_does() -> None:
    """From the same weights, so that strides, paddings and shortcuts are those of the plan."""
    pixels = [f"input.pixels.mean={list(PIXEL_MEAN)}", f"input.pixels.std={list(PIXEL_STD)}"]
    ours, stock = build_model(plan_loaded(load_spec("cifar_resnet20", pixels))), build("cifar_resnet20")
    random = np.random.default_rng(0)
    weights = [random.uniform(0.5, 1.5, weight.shape) / np.sqrt(weight.shape[-1]) for weight in ours.weights]
    ours.set_weights(weights)
    stock.set_weights(weights)
    images = random.integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected, found = ours(images, training=False), stock(images, training=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))


@pytest.mark.parametrize("contender", RUNTIMES)
def test_a_runtime_computes_the_folded_network(contender: str) -> None:
    job = Job(contender, "cifar_resnet20", "float32", "inference", 2, 1)
    pytest.importorskip(contender)
    runtime = Contender(job)
    runtime.start()
    images = ring(job)[0][0]
    found = runtime._infer(images)
    logits = np.asarray(found[0])
    network = build_model(plan_loaded(load_spec("cifar_resnet20")))  # whose initial weights are of one seed
    np.testing.assert_allclose(logits, network(images.astype(np.float32), training=False), rtol=1e-3, atol=1e-4)
    assert runtime.parameters == sum(weight.shape.num_elements() for weight in network.trainable_weights)


def test_bfloat16_reaches_the_layers_of_stock_keras() -> None:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        stock = build("cifar_resnet20")
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in stock.layers if isinstance(layer, keras.layers.Conv2D)} == {"bfloat16"}
    assert stock.output.dtype == "float32"
