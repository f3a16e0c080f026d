"""The description of a network in a `.keras` file: compared with the plan, and nothing that it names looked up."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.files.keras_config import LayerConfig, differing_settings
from tests.weights.untrusted_files import Config, forged, model_refusal


def test_an_honest_file_is_loaded_bit_for_bit(honest, plan):
    from kresnet.weights.convert import load_model
    from tests.weights.small_weight_files import load_with_keras

    for ours, theirs in zip(load_model(honest, plan).weights, load_with_keras(honest).weights, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def layer(config: Config, name: str) -> Config:
    return next(each for each in config["config"]["layers"] if each["config"]["name"] == name)


def call(module: str, function: str) -> Config:
    return {"module": module, "class_name": "function", "config": function, "registered_name": "function"}


def a_lambda(config: Config) -> None:
    import base64
    import marshal

    code = compile("lambda x: __import__('pathlib').Path('sprung').touch() or x", "x", "eval").co_consts[0]
    value = {"class_name": "__lambda__", "config": {"code": base64.b64encode(marshal.dumps(code)).decode()}}
    config["config"]["layers"].append(
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "evil", "function": value}}
    )


# What has passed by Keras's safe mode before, each as its advisory describes it.
ATTACKS: dict[str, Callable[[Config], object]] = {
    "CVE-2024-3660: a Lambda's bytecode": a_lambda,
    "CVE-2025-1550: any module's function": lambda config: layer(config, "head.logits").update(
        module="os", class_name="system", config={"name": "head.logits", "command": "touch sprung"}
    ),
    "CVE-2025-8747: Keras's own get_file": lambda config: layer(config, "head.logits").update(
        call("keras.utils", "get_file") | {"config": {"name": "head.logits", "origin": "http://127.0.0.1:9/x"}}
    ),
    "CVE-2025-9906: turn safe mode off first": lambda config: config["config"]["layers"].insert(
        0,
        {
            "module": "keras.config",
            "class_name": "enable_unsafe_deserialization",
            "config": {"name": "first"},
            "inbound_nodes": [],
        },
    ),
    "CVE-2025-12058: a vocabulary that is a path": lambda config: config["config"]["layers"].append(
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "v", "vocabulary": "/etc/passwd"}}
    ),
    "the model's own class": lambda config: config.update(module="subprocess", class_name="Popen"),
    "what compiles it": lambda config: config.update(
        compile_config={"optimizer": {"module": "os", "class_name": "system", "config": {"command": "touch sprung"}}}
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_class_that_a_file_names_is_looked_up(attack, honest, plan, tmp_path, monkeypatch):
    """Where the description is that of another network it is refused; else it is not read at all."""
    import keras

    def looked_up(*_: object, **__: object) -> None:
        raise AssertionError("Keras was asked to make something of the file")

    monkeypatch.chdir(tmp_path)
    for name in ("load_model", "model_from_json"):
        monkeypatch.setattr(keras.models, name, looked_up)
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", looked_up)
    path = forged(honest, tmp_path / "evil.keras", ATTACKS[attack])
    if "model's own" in attack or "compiles" in attack:
        from kresnet.weights.convert import load_model

        assert load_model(path, plan).count_params() == plan.trainable + plan.non_trainable
    else:
        assert "[weights_mismatch]" in model_refusal(path, plan)
    assert not (tmp_path / "sprung").exists()


def test_another_architecture_is_told_difference_by_difference(honest, plan, tmp_path):
    def change(config: Config) -> None:
        layer(config, "stem.activation")["config"]["activation"] = "gelu"
        layer(config, "stage1.block1.norm1")["config"]["epsilon"] = 0.5
        layer(config, "stage1.block1.add")["inbound_nodes"][0]["args"][0].reverse()
        layers = config["config"]["layers"]
        layers.remove(layer(config, "stage2.block2.activation1"))
        layers.append({"module": "keras.layers", "class_name": "ReLU", "config": {"name": "extra"}})

    refusal = model_refusal(forged(honest, tmp_path / "other.keras", change), plan)
    assert "[weights_mismatch]" in refusal
    for difference in (
        "stem.activation: function is gelu in the file, relu here",
        "stage1.block1.norm1: epsilon is 0.5 in the file, 1e-05 here",
        "stage2.block2.activation1: not in the file",
        "extra: only in the file (ReLU)",
    ):
        assert difference in refusal
    assert "stage1.block1.add: reads stage1.block1.shortcut.norm, stage1.block1.norm3 in the file" in refusal


def test_the_same_layers_with_other_weights_are_told_too(honest, plan, tmp_path):
    document = load_spec("cifar_resnet20")
    assert "stage3.block3.conv2: only in" not in model_refusal(honest, plan_loaded(document))
    refusal = model_refusal(honest, plan_loaded(document))
    assert "stage3.block3.conv2: not in the file" in refusal
    assert "stage1.block1.conv3: only in the file" in refusal


HOSTILE_CONFIGS: dict[str, Any] = {
    "a list": [],
    "null": None,
    "a number": 1,
    "no layers": {"config": {"layers": 7}},
    "layers that are none": {"config": {"layers": [1, None, [], {"config": 3}, {"config": {"name": ["a"]}}]}},
}


@pytest.mark.parametrize("name", HOSTILE_CONFIGS)
def test_a_description_that_is_none(name, honest, plan, tmp_path):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", json.dumps(HOSTILE_CONFIGS[name]))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    assert "[model_unreadable]" in model_refusal(path, plan)


def test_a_description_nested_without_end(honest, plan, tmp_path):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", '{"config":' * 100_000)
        new.writestr("model.weights.h5", b"")
    assert "[model_unreadable]" in model_refusal(path, plan)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("mean=[0.5, 0.456, 0.406]", "normalize: mean is [0.485, 0.456, 0.406] in the file, [0.5, 0.456, 0.406] here"),
        ("std=[0.5]", "normalize: std is [0.229, 0.224, 0.225] in the file, [0.5] here"),
        ("channel_order=bgr", "normalize: channel_order is another one in the file, bgr here"),
    ],
)
def test_other_numbers_of_pixels_are_told_where_stock_layers_make_them(setting, told):
    record = plan_loaded(load_spec("resnet18", [f"input.pixels.{setting}"])).by_name["normalize"]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    rescaling = {"name": "normalize", "scale": (1 / 255 / std).tolist(), "offset": (-mean / std).tolist()}
    found = LayerConfig("Rescaling", rescaling, ("input",))
    ((name, in_file, in_plan),) = differing_settings(record, found)
    assert f"normalize: {name} is {in_file} in the file, {in_plan} here" == told
    assert not list(differing_settings(plan_loaded(load_spec("resnet18")).by_name["normalize"], found))
