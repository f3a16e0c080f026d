"""Converted Keras files give the file's own logits, or are refused by the name of the layer that differs."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications import resnet

import kresnet
from kresnet.errors import KresnetError
from kresnet.weights.convert import load_model
from kresnet.weights.file_computation import read_computation
from kresnet.weights.files.keras_graph import read_operation_graph
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.pretrained.keras_files import KERAS_FILES

SPEC = {
    "name": "two_stages",
    "input": {"shape": [32, 32, 3]},
    "stem": {"kind": "conv", "width": 64, "kernel": 7, "stride": 2, "pool": {"kind": "max", "size": 3, "stride": 2}},
    "convolution": {"padding": "symmetric", "bias": "always"},
    "norm": {"kind": "batch", "momentum": 0.99, "epsilon": 1.001e-5},
    "block": {"kind": "bottleneck", "stride_on": "conv1x1"},
    "stages": [{"blocks": 1, "width": 8}, {"blocks": 1, "width": 16, "stride": 2}],
    "head": {"classes": 5},
}
MEAN, VARIANCE = [120.0, 110.0, 100.0], [3600.0, 3500.0, 3300.0]


def body(inputs):
    """Two stages in the manner of keras.applications."""

    def stacks(x):
        x = resnet.stack_residual_blocks_v1(x, 8, 1, stride1=1, name="conv2")
        return resnet.stack_residual_blocks_v1(x, 16, 1, name="conv3")

    model = resnet.ResNet(
        stacks, preact=False, use_bias=True, include_top=False, weights=None, input_tensor=inputs, name="resnet"
    )
    return model.output


def file_with(
    folder, front=lambda x: x, middle=lambda x: x, behind=lambda x: x, shape=(32, 32, 3), nested=False,
    head="predictions", file="theirs.keras",
):  # fmt: skip
    """A file of the network with something before it, between its body and its head, and behind the head."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    x = front(inputs)
    if nested:
        inner = keras.Input(shape)
        x = keras.Model(inner, body(inner), name="backbone")(x, training=False)
    else:
        x = body(x)
    x = middle(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, behind(layers.Dense(5, name=head)(x)))
    random = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, layer.moving_variance.shape))
    model.save(folder / file)
    return model


def converted(folder, name="ours", file="theirs.keras", **options):
    """What `convert` returns, and the logits of its model for images of every brightness, beside them."""
    conversion = kresnet.convert(
        folder / file, options.pop("spec", SPEC), folder / f"{name}.keras", progress=False, **options
    )
    plan = kresnet.load(str(conversion.spec)).plan()
    model = load_model(conversion.path, plan)
    images = np.random.default_rng(2).integers(0, 256, (4, *plan.input_shape)).astype(np.float32)
    return conversion, model(images, training=False).numpy(), images


def refusal(folder, file="theirs.keras", **options) -> str:
    with pytest.raises(KresnetError) as error:
        kresnet.convert(folder / file, options.pop("spec", SPEC), folder / "refused.keras", **options)
    assert {problem.code for problem in error.value.problems} == {"weights_mismatch"}
    assert not (folder / "refused.keras").exists()
    return str(error.value)


def adapted(x):
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(3).uniform(0, [1.0, 0.9, 0.8], (64, 4, 4, 3)))
    return layer(layers.Rescaling(1 / 255)(x))


FRONTS = {
    "rescaling": layers.Rescaling(1 / 255),
    "rescaling to -1..1": layers.Rescaling(1 / 127.5, offset=-1),
    "given normalization": lambda x: layers.Normalization(mean=MEAN, variance=VARIANCE)(x),
    "adapted normalization": adapted,
    "preprocess_input, caffe": keras.applications.resnet.preprocess_input,
    "preprocess_input, tf": keras.applications.resnet_v2.preprocess_input,
    "preprocess_input, torch": lambda x: keras.applications.imagenet_utils.preprocess_input(x, mode="torch"),
    "arithmetic": lambda x: 1 - keras.ops.flip(x, axis=-1) * (1 / 255),
    "a nested model": keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)]),
}


#: Layers that scale, that shift each channel, and that swap channels; `make test-slow` has the others.
FRONTS_OF_EACH_KIND = ("given normalization", "preprocess_input, caffe", "a nested model")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FRONTS_OF_EACH_KIND)) for name in FRONTS]
)
def test_what_makes_numbers_of_pixels_becomes_the_specs_pixels(name, tmp_path):
    theirs = file_with(tmp_path, FRONTS[name], nested=name == "adapted normalization")
    conversion, logits, images = converted(tmp_path)
    np.testing.assert_allclose(logits, theirs(images, training=False), atol=1e-4, rtol=1e-4)
    assert conversion.as_dict()["pixels_from"]
    assert not any("does not say what its pixels mean" in note for note in conversion.notes())


@pytest.mark.parametrize("file", ["theirs.keras", pytest.param("theirs.h5", marks=pytest.mark.slow)])
def test_a_head_of_any_name_on_a_network_within_a_model_is_taken_for_the_head(file, tmp_path):
    front, dropout = keras.applications.resnet_v2.preprocess_input, layers.Dropout(0.3)
    theirs = file_with(tmp_path, front, dropout, layers.Softmax(), nested=True, head="clothes", file=file)
    conversion, logits, images = converted(tmp_path, file=file)
    np.testing.assert_allclose(keras.ops.softmax(logits), theirs(images, training=False), atol=1e-5, rtol=1e-4)
    assert any(note.startswith("clothes, the one dense layer of") for note in conversion.notes())
    assert conversion.as_dict()["pixels_from"]
    other = {**SPEC, "head": {"classes": 7}}
    assert "--set head.classes=5, or a head that begins anew: --allow-missing" in refusal(tmp_path, file, spec=other)


def test_a_head_of_two_layers_is_refused_and_may_be_left_out(tmp_path):
    file_with(tmp_path, middle=layers.Dense(8, activation="relu", name="hidden"), head="last")
    text = refusal(tmp_path)
    assert all(name in text for name in ("hidden/kernel", "last/kernel"))
    conversion, *_ = converted(tmp_path, allow_missing=["head.logits"], allow_unused=["hidden", "last"])
    assert set(conversion.as_dict()["left_as_initialized"]) == {"head.logits/kernel", "head.logits/bias"}


@pytest.mark.parametrize(("theirs", "ours"), [(3, 1), (1, 3)])
def test_weights_for_colour_pictures_become_those_for_grey_ones_and_reversely(theirs, ours, tmp_path):
    """A grey picture has the same value in each colour, so that both give the same logits of it."""
    peer = file_with(tmp_path, layers.Rescaling(1 / 255), shape=(32, 32, theirs))
    spec = {**SPEC, "input": {"shape": [32, 32, ours]}}
    assert "try: --adapt-channels" in refusal(tmp_path, spec=spec)
    conversion, _, images = converted(tmp_path, spec=spec, adapt_channels=True)
    grey = images[..., :1]
    model = load_model(conversion.path, kresnet.load(str(conversion.spec)).plan())
    expected = peer(np.repeat(grey, theirs, -1), training=False)
    np.testing.assert_allclose(model(np.repeat(grey, ours, -1)), expected, atol=1e-4, rtol=1e-4)
    how = "summed over" if ours == 1 else "shared out among"
    assert f"The kernels of conv1_conv/kernel are {how} the channels of pictures, as asked." in conversion.notes()


def test_other_pixels_than_the_file_computes_are_refused_and_the_remedy_converts_it(tmp_path):
    theirs = file_with(tmp_path, keras.applications.resnet.preprocess_input)
    other = {**SPEC, "input": {"shape": [32, 32, 3], "pixels": {"range": [0, 2], "mean": [0.1]}}}
    text = refusal(tmp_path, spec=other)
    assert "make other numbers of pixels" in text
    remedy = text.partition("try: --set '")[2].partition("'")[0]
    conversion, logits, images = converted(tmp_path, spec=other, overrides=[remedy])
    np.testing.assert_allclose(logits, theirs(images, training=False), atol=1e-4, rtol=1e-4)
    written = kresnet.load(str(conversion.spec)).spec.input.pixels
    assert (written.mean, written.channel_order) == ((103.939, 116.779, 123.68), "bgr")


def test_a_file_without_numbers_of_pixels_is_told_to_be_one(tmp_path):
    file_with(tmp_path)
    conversion, *_ = converted(tmp_path)
    assert any("does not say what its pixels mean" in note for note in conversion.notes())


def test_what_computes_nothing_is_passed_and_told(tmp_path):
    theirs = file_with(tmp_path, layers.RandomFlip(), layers.Dropout(0.3), layers.Softmax())
    conversion, logits, images = converted(tmp_path)
    np.testing.assert_allclose(keras.ops.softmax(logits), theirs(images / 255, training=False), atol=1e-4)
    assert conversion.as_dict()["passed"] == ["dropout", "random_flip"]
    assert any("ends in softmax" in note for note in conversion.notes())


PLACES = {
    "a dense layer between": {"middle": lambda x: layers.Dense(64, name="between")(x)},
    "an activation between": {"middle": lambda x: layers.Activation("tanh", name="between")(x)},
    "a second norm between": {"middle": lambda x: layers.BatchNormalization(name="between")(x)},
    "a softmax of another temperature": {"behind": lambda x: layers.Rescaling(2.0, name="between")(x)},
    "a sigmoid of one label": {"behind": lambda x: layers.Activation("sigmoid", name="between")(x)},
    "a function in front": {"front": lambda x: layers.Activation("tanh", name="between")(x)},
    "resizing": {"front": lambda x: layers.Resizing(32, 32, name="between")(x), "shape": (None, None, 3)},
    "noise that stays": {"middle": lambda x: layers.Dropout(0.5, name="between")(x, training=True)},
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_in_no_plan_is_refused_by_name(place, tmp_path):
    file_with(tmp_path, **PLACES[place])
    text = refusal(tmp_path)
    assert "computes what the network does not: between" in text
    if place == "resizing":
        assert "--allow-unused between" in text
        conversion, *_ = converted(tmp_path, allow_unused=["between"])
        assert conversion.as_dict()["left_out"] == ["between"]
    else:
        assert "--allow-unused" not in text


def test_a_head_that_is_left_out_takes_with_it_what_leads_to_it(tmp_path):
    file_with(tmp_path, middle=lambda x: layers.Dense(48, "relu", name="between")(x), behind=layers.Softmax())
    options = {"allow_missing": ["head"], "allow_unused": ["between", "predictions"]}
    conversion, *_ = converted(tmp_path, **options)
    assert "head.logits/kernel" in conversion.as_dict()["left_as_initialized"]
    features = {**SPEC, "head": {"kind": "features", "stages": [2]}}
    conversion, *_ = converted(tmp_path, "features", spec=features, allow_unused=["between", "predictions"])
    assert {"between", "predictions"} <= set(conversion.as_dict()["left_out"])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name != "ResNet50"))
        for name in KERAS_FILES
        if name.startswith("ResNet")
    ],
)
def test_networks_of_keras_applications_compute_nothing_else(name):
    keras.backend.clear_session()
    peer = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10)
    plan = kresnet.load(KERAS_FILES[name].spec, {"input.shape": [64, 64, 3], "head.classes": 10}).plan()
    graph = read_operation_graph(peer.to_json().encode())
    layout = LAYOUTS["keras-applications"]
    names = {record.name: layout.layer(record, plan) for record in plan.records if record.parameters}
    found = read_computation(plan, graph, names, {})
    assert not found.extra
    assert found.pixels is None
    assert found.ending == "softmax (predictions)"
    description = json.loads(peer.to_json())
    next(layer for layer in description["config"]["layers"] if layer["name"] == "conv1_pad")["config"]["padding"] = 4
    other = read_operation_graph(json.dumps(description).encode())
    assert "pads by 4, not 3" in read_computation(plan, other, names, {}).extra[0].text
