"""Layers of records that no shipped network has, through a plan: numbers of its plan, folded, and of Keras alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kresnet.graph import build_model, fold_batch_norms
from kresnet.plan import Plan
from kresnet.plan.dilation import WindowStep
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.spec.architecture import Convolution
from kresnet.spec.norms import BatchNorm
from kresnet.weights.convert import load_model, write_model


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A depthwise convolution that strides, batch norm, response norm and layer scale."""
    builder = PlanBuilder(Convolution(padding="symmetric"))
    x = builder.input((9, 8, 6), {"any_size": False})
    with builder.scope("stage1.block1", 1, 1):
        x = builder.depthwise_conv(x, "conv1", 3, step=WindowStep(2), norm_follows=True)
        x = builder.norm(x, "norm1", BatchNorm(kind="batch"))
        x = builder.response_norm(x, "response_norm")
        x = builder.layer_scale(x, "layer_scale", 0.5)
    return Plan({"name": "small"}, tuple(builder.records), {"output": x.name}, None, ("mine",))


def randomized(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(2, 9, 8, 6)).astype(np.float32)


def test_a_depthwise_convolution_is_a_sum_over_each_channel_s_own_window(plan, images):
    model = randomized(build_model(plan))
    layer = model.get_layer("stage1.block1.conv1")
    kernel = layer.kernel.numpy()[..., 0]  # (h, w, C)
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    expected = np.einsum("nhwcij,ijc->nhwc", windows, kernel)
    np.testing.assert_allclose(keras.Model(model.input, layer.output)(images), expected, rtol=1e-5, atol=1e-5)
    record = plan.by_name["stage1.block1.conv1"]
    assert record.shape == expected.shape[1:]
    assert record.macs == expected[0].size * 9


def test_batch_norm_is_folded_into_a_depthwise_kernel(plan, images):
    model = randomized(build_model(plan))
    folded = fold_batch_norms(model, plan)
    assert (folded.folded_norms, folded.remaining_norms) == (1, ())
    np.testing.assert_allclose(folded.model(images), model(images), rtol=1e-5, atol=1e-5)


def test_initial_kernels_have_the_variance_of_each_channel_s_own_window():
    builder = PlanBuilder(Convolution())
    x = builder.depthwise_conv(builder.input((8, 8, 512), {"any_size": False}), "conv", 5, norm_follows=True)
    model = build_model(Plan({"name": "wide"}, tuple(builder.records), {"output": x.name}, None))
    assert np.var(model.get_layer("conv").kernel.numpy()) == pytest.approx(2 / 25, rel=0.05)


def test_a_file_of_keras_s_own_layers_has_the_numbers_and_the_names_of_the_weights(plan, images, tmp_path):
    model, file = randomized(build_model(plan)), tmp_path / "model.keras"
    write_model(model, plan, file)
    np.testing.assert_allclose(keras.models.load_model(file)(images), model(images), rtol=1e-5, atol=1e-6)
    for ours, read in zip(model.weights, load_model(file, plan).weights, strict=True):
        np.testing.assert_array_equal(ours, read)
