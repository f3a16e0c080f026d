"""What a `.keras` file holds: Keras's own layers, which compute what ours do, on any of Keras's backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from kresnet.graph import build_model
from kresnet.graph.layers import FusedBatchNorm, NormalizePixels
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.records import stock_name
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import load_model, write_model
from tests.graph.random_weights import randomize
from tests.strategies import examples, specs

STAGES = [{"blocks": 1, "width": 4}, {"blocks": 1, "width": 8, "stride": 2}]
COMMON = {
    "input": {"shape": [9, 9, 3], "pixels": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
    "block": {"kind": "basic"},
    "stages": STAGES,
    "head": {"classes": 3},
}
MAX_POOL = {"kind": "max", "size": 3, "stride": 2}
FEATURES = {"kind": "features", "stages": [1, 2, 3]}
LARGER_STAGES = [*STAGES, {"blocks": 2, "width": 8, "stride": 2}]
#: Every layer that Keras has not, or has otherwise, is in one of these.
NETWORKS: dict[str, dict[str, Any]] = {
    "option_a": {"block": {"kind": "basic", "shortcut": "identity_pad"}},
    "grey": {"input": {"shape": [8, 8, 1], "pixels": {"mean": [0.286], "std": [0.353]}}},
    "blue_first": {
        "input": {"shape": [8, 8, 3], "pixels": {"range": [-1, 1], "channel_order": "bgr"}},
        "norm": {"kind": "batch", "synchronized": True},
    },
    "bottleneck_d": {
        "stem": {"kind": "deep", "widths": [4, 4, 8], "stride": 2, "pool": MAX_POOL},
        "block": {"kind": "bottleneck", "expansion": 2, "downsample": "average_pool"},
        "input": {"shape": [16, 16, 3], "pixels": {}},
    },
    "preactivation": {
        "block": {"kind": "basic", "order": "full_preactivation"},
        "stochastic_depth": 0.5,
        "head": {"classes": 3, "dropout": 0.5},
    },
    "padded_as_pytorch": {
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1, "pool": MAX_POOL},
        "convolution": {"padding": "symmetric", "initializer": "he_normal_fan_out"},
        "block": {"kind": "bottleneck", "expansion": 2, "attention": {"kind": "squeeze_excite", "reduction": 4}},
    },
    "standardized": {
        "convolution": {"weight_standardization": {}, "padding": "symmetric"},
        "block": {"kind": "bottleneck", "expansion": 2, "groups": 2, "order": "full_preactivation"},
        "norm": {"kind": "group", "groups": 2},
    },
    "blurred": {
        "input": {**COMMON["input"], "any_size": True},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1, "pool": MAX_POOL | {"anti_alias": "blur"}},
        "block": {"kind": "basic", "anti_alias": "blur", "attention": {"kind": "efficient_channel"}},
    },
    "blurred_and_dilated": {
        "input": {"shape": [19, 19, 3], "pixels": {}},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2},
        "stages": LARGER_STAGES,
        "block": {"kind": "bottleneck", "expansion": 0.5, "shortcut_kernel": 3, "anti_alias": "blur"},
        "output_stride": 4,
    },
    "dilated": {
        "input": {"shape": [19, 19, 3], "pixels": {}},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2},
        "stages": LARGER_STAGES,
        "block": {"kind": "basic", "downsample": "average_pool"},
        "output_stride": 4,
    },
    "dilated_maps_of_any_size": {
        "input": {**COMMON["input"], "shape": [24, 24, 3], "any_size": True},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2},
        "stages": LARGER_STAGES,
        "block": {"kind": "bottleneck", "expansion": 2, "downsample": "average_pool", "stride_on": "conv3x3"},
        "output_stride": 4,
        "head": FEATURES,
    },
    "vectors": {
        "input": {"shape": [5]},
        "stem": {"kind": "none"},
        "block": {"kind": "dense", "shortcut": "identity_pad"},
        "stages": [{"blocks": 1, "width": 8}],
        "head": {"classes": 3, "pool": "none"},
        "stochastic_depth": 0.5,
    },
}
#: Those that have between them every layer; others of these compute something else by the same ones.
LAYERS = [pytest.param(name, marks=pytest.mark.slow if name in ("grey", "dilated") else []) for name in NETWORKS]


def plan_of(name: str) -> Plan:
    return plan_loaded(load_spec({"name": name, **COMMON, **NETWORKS[name]}))


def images_for(plan: Plan) -> np.ndarray:
    shape = (19, 30, 3) if plan.records[0].settings["any_size"] else plan.input_shape
    return np.random.default_rng(0).uniform(0, 255 if len(shape) == 3 else 1, (2, *shape)).astype("float32")


def by_name(outputs: Any) -> dict[str, Any]:
    return outputs if isinstance(outputs, dict) else {"only": outputs}


def note(model: keras.Model, plan: Plan, path: Path) -> None:
    """Write down what the network computes: outputs, and gradients in training, or where things are dropped by chance
    out of it.
    """
    x = images_for(plan)
    noted = {f"output/{name}": np.asarray(value) for name, value in by_name(model(x)).items()}
    random = any(record.kind in ("dropout", "stochastic_depth") for record in plan.records)
    for training in (not random,):
        with tf.GradientTape() as tape:
            outputs = by_name(model(x, training=training))
            loss = tf.add_n([tf.reduce_mean(tf.square(value)) for value in outputs.values()])
        weights = model.trainable_weights
        for weight, gradient in zip(weights, tape.gradient(loss, [w.value for w in weights]), strict=True):
            noted[f"gradient/{training}/{stock_name(weight.path)}"] = np.asarray(gradient)
    np.savez(path, x=x, trained=[stock_name(weight.path) for weight in model.trainable_weights], **noted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of each network, and what the network computes beside it."""
    folder = tmp_path_factory.mktemp("files")
    for name in NETWORKS:
        plan = plan_of(name)
        model = randomize(build_model(plan, seed=1))
        write_model(model, plan, folder / f"{name}.keras")
        note(model, plan, folder / f"{name}.npz")
    return folder


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_files_open_where_there_is_no_kresnet(backend, folder):
    """`KRESNET_PLAIN_PYTHON` names a Python with Keras and the backend; without it, this one is tried."""
    python = os.environ.get("KRESNET_PLAIN_PYTHON", sys.executable)
    has = f"import sys, importlib.util as util; sys.exit(util.find_spec({backend!r}) is None)"
    if subprocess.run([python, "-I", "-c", has], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no {backend}; KRESNET_PLAIN_PYTHON may name one that has it, and Keras")
    program = Path(__file__).with_name("plain_keras.py")
    done = subprocess.run([python, "-I", program, backend, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report.keys() == NETWORKS.keys()
    for name, found in report.items():
        for what, difference in found.items():
            assert difference < (1e-5 if what == "outputs" else 1e-4), (backend, name, what, difference)


def names_of_classes(config: Any) -> Iterator[str]:
    """The modules and registered names of everything that a file's description has Keras make."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield f"{config.get('module')} {config.get('registered_name')}"
        config = list(config.values())
    if isinstance(config, list):
        for each in config:
            yield from names_of_classes(each)


def config_of(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


@pytest.mark.parametrize("name", LAYERS)
def test_kresnet_reads_its_own_layers_and_weights_from_the_file(name, folder):
    plan = plan_of(name)
    model, built = load_model(folder / f"{name}.keras", plan), randomize(build_model(plan, seed=1))
    assert [type(layer) for layer in model.layers] == [type(layer) for layer in built.layers]
    assert any(isinstance(layer, FusedBatchNorm | keras.layers.Dense) for layer in model.layers)
    for ours, theirs in zip(model.weights, built.weights, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert not [each for each in names_of_classes(config_of(folder / f"{name}.keras")) if "kresnet" in each]


@pytest.mark.parametrize("name", LAYERS)
def test_files_with_layers_of_ours_are_still_read(name, folder, tmp_path):
    """As kresnet 0.1 wrote them."""
    plan = plan_of(name)
    model = load_model(folder / f"{name}.keras", plan)
    model.save(tmp_path / "old.keras")
    assert any("kresnet" in each for each in names_of_classes(config_of(tmp_path / "old.keras")))
    for ours, theirs in zip(load_model(tmp_path / "old.keras", plan).weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_the_same_weights_are_drawn_and_two_files_say_the_same(tmp_path):
    """Names in a file do not depend on what else the process has made."""
    plan = plan_of("dilated_maps_of_any_size")
    ours, stock = build_model(plan, seed=3), build_model(plan, seed=3, stock=True)
    for one, other in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("one.keras", "other.keras"):
        write_model(ours, plan, tmp_path / name)
    assert config_of(tmp_path / "one.keras") == config_of(tmp_path / "other.keras")


def test_pixels_become_what_the_spec_says_to_the_last_digit():
    plan = plan_of("option_a")
    stock, pixels = build_model(plan, stock=True).get_layer("normalize"), COMMON["input"]["pixels"]
    assert isinstance(stock, keras.layers.Rescaling)
    np.testing.assert_array_equal(stock.scale, 1 / 255 / np.array(pixels["std"]))
    x = images_for(plan)
    np.testing.assert_allclose(stock(x), NormalizePixels(**pixels)(x), rtol=1e-6, atol=1e-6)


@examples(2, shrink=False)
@given(specs(most_stages=2, most_blocks=1))
def test_any_network_is_one_of_stock_layers(found):
    spec, plan = found
    keras.backend.clear_session()
    model, stock = randomize(build_model(plan)), build_model(plan, stock=True)
    stock.set_weights(model.get_weights())
    x = np.random.default_rng(0).uniform(0, 255 if spec.input.is_image else 1, (2, *plan.input_shape)).astype("float32")
    theirs = by_name(stock(x))
    for name, ours in by_name(model(x)).items():
        np.testing.assert_allclose(theirs[name], ours, rtol=1e-5, atol=1e-5 * np.abs(ours).max())
    modules = {type(layer).__module__.partition(".")[0] for layer in stock.layers}
    assert modules == {"keras"}
