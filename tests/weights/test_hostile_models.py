"""Model files from strangers: nothing in them is run, looked up, unpacked or followed; each is refused in words."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.plan import Plan, plan_loaded
from kresnet.runtime import import_tensorflow
from kresnet.spec.loading import load_spec
from kresnet.weights.matching import match_weights, require_match
from kresnet.weights.weight_file import open_weights
from tests.weights.files import SMALL, tensors, write

Config = dict[str, Any]


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Plan:
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SMALL)
    return plan_loaded(load_spec(str(path)))


@pytest.fixture(scope="module")
def honest(plan, tmp_path_factory) -> Path:
    """A `.keras` file as kresnet writes it."""
    import_tensorflow()
    from kresnet.graph import build_model

    path = tmp_path_factory.mktemp("model") / "model.keras"
    build_model(plan).save(path)
    return path


def forged(honest: Path, path: Path, change: Callable[[Config], object], **added: bytes) -> Path:
    """The honest file with another `config.json`, and further members."""
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
        for name, content in added.items():
            new.writestr(name, content)
    return path


def refused(path: Path, plan: Plan) -> str:
    from kresnet.weights.convert import load_model

    with pytest.raises(KresnetError) as caught:
        load_model(path, plan)
    return str(caught.value)


def test_an_honest_file_is_loaded_bit_for_bit(honest, plan):
    from kresnet.weights.convert import load_model
    from tests.weights.files import load_with_keras

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
        assert "[weights_mismatch]" in refused(path, plan)
    assert not (tmp_path / "sprung").exists()


def test_another_architecture_is_told_difference_by_difference(honest, plan, tmp_path):
    def change(config: Config) -> None:
        layer(config, "stem.activation")["config"]["activation"] = "gelu"
        layer(config, "stage1.block1.norm1")["config"]["epsilon"] = 0.5
        layer(config, "stage1.block1.add")["inbound_nodes"][0]["args"][0].reverse()
        layers = config["config"]["layers"]
        layers.remove(layer(config, "stage2.block2.activation1"))
        layers.append({"module": "keras.layers", "class_name": "ReLU", "config": {"name": "extra"}})

    told = refused(forged(honest, tmp_path / "other.keras", change), plan)
    assert "[weights_mismatch]" in told
    for difference in (
        "stem.activation: function is gelu in the file, relu here",
        "stage1.block1.norm1: epsilon is 0.5 in the file, 1e-05 here",
        "stage2.block2.activation1: not in the file",
        "extra: only in the file (ReLU)",
    ):
        assert difference in told
    assert "stage1.block1.add: reads stage1.block1.shortcut.norm, stage1.block1.norm3 in the file" in told


def test_the_same_layers_with_other_weights_are_told_too(honest, plan, tmp_path):
    document = load_spec("cifar_resnet20")
    assert "stage3.block3.conv2: only in" not in refused(honest, plan_loaded(document))
    told = refused(honest, plan_loaded(document))
    assert "stage3.block3.conv2: not in the file" in told
    assert "stage1.block1.conv3: only in the file" in told


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
    assert "[model_unreadable]" in refused(path, plan)


def test_a_description_nested_without_end(honest, plan, tmp_path):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", '{"config":' * 100_000)
        new.writestr("model.weights.h5", b"")
    assert "[model_unreadable]" in refused(path, plan)


def test_members_that_would_lie_elsewhere_are_not_unpacked(honest, plan, tmp_path):
    """Nothing is ever unpacked, so there is no place that a name or a link could lead to."""
    from kresnet.weights.convert import load_model

    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = forged(
        honest, folder / "slip.keras", lambda _: None, **{"../../slipped": b"x", "/tmp/kresnet-slipped": b"x"}
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("assets")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    load_model(path, plan)
    assert [each.name for each in tmp_path.rglob("*")] == ["a", "b", "slip.keras"]
    assert not Path("/tmp/kresnet-slipped").exists()


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json"])
def test_a_bomb_is_not_inflated(name, honest, plan, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for each in ("model.weights.h5", "config.json"):
            new.writestr(each, bytes(200_000_000) if each == name else old.read(each))
    assert path.stat().st_size < 10_000_000
    assert "claims 200,000,000 bytes" in refused(path, plan)


def test_links_of_hdf5_lead_nowhere(plan, tmp_path):
    """A weight that is a link could be any array of any HDF5 file that the reader may read."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((16, 3), np.float32)
    links = {
        "external": h5py.ExternalLink("secret.h5", "/kernel"),
        "soft": h5py.SoftLink("/elsewhere"),
    }
    for name, link in links.items():
        path = tmp_path / f"{name}.weights.h5"
        with h5py.File(path, "w") as file:
            file["elsewhere"] = np.ones((16, 3), np.float32)
            group = file.create_group("layers/dense/vars")
            group.attrs["name"] = "head.logits"
            group["0"] = link
        assert "is a link" in told_of_weights(path, plan)
        legacy = tmp_path / f"{name}.h5"
        with h5py.File(legacy, "w") as file:
            file.attrs["layer_names"] = [b"head.logits"]
            file["head.logits"] = h5py.ExternalLink("secret.h5", "/")
        assert "is a link" in told_of_weights(legacy, plan)


def test_a_dataset_made_of_other_files_is_not_read(plan, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((16, 3), np.float32)
    layout = h5py.VirtualLayout((16, 3), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "kernel", (16, 3))
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "head.logits"
        group.create_virtual_dataset("0", layout)
    assert "in another file" in told_of_weights(path, plan)


def told_of_weights(path: Path, plan: Plan) -> str:
    with pytest.raises(KresnetError) as caught, open_weights(path) as source:
        for _ in require_match(match_weights(plan, source), plan).arrays():
            pass
    return str(caught.value)


def lying_safetensors(**changes: Any) -> bytes:
    header = json.dumps({"fc.bias": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]} | changes}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(12)


LYING = {
    "beyond the end": lying_safetensors(data_offsets=[0, 12_000_000_000]),
    "backwards": lying_safetensors(data_offsets=[12, 0]),
    "negative": lying_safetensors(data_offsets=[-12, 0]),
    "another size": lying_safetensors(shape=[10**9, 10**9]),
    "overflowing": lying_safetensors(shape=[2**63, 2]),
    "an unknown type": lying_safetensors(dtype="PICKLE"),
    "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a header beyond the end": struct.pack("<Q", 200) + b"{}" + bytes(10),
    "no JSON": struct.pack("<Q", 4) + b"{{{{" + bytes(10),
}


@pytest.mark.parametrize("name", LYING)
def test_a_safetensors_header_that_lies(name, plan, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(LYING[name])
    assert "[model_unreadable]" in told_of_weights(path, plan)


def test_arrays_of_objects_are_pickles_and_not_opened(plan, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "a.npz", weights=np.array([Trap()], object))
    assert "neither Keras's nor PyTorch's" in told_of_weights(tmp_path / "a.npz", plan)
    (tmp_path / "a.keras").write_bytes(pickle.dumps(Trap()))
    assert "[weights_pickle]" in told_of_weights(tmp_path / "a.keras", plan)
    assert not (tmp_path / "sprung").exists()


def test_whatever_is_cut_or_flipped_is_loaded_or_refused(honest, plan, tmp_path):
    """Bits of values may change unnoticed in HDF5 and safetensors, which keep no sums; nothing else may happen."""
    h5 = io.BytesIO(zipfile.ZipFile(honest).read("model.weights.h5")).getvalue()
    whole = {"keras": honest.read_bytes(), "h5": h5}
    whole["safetensors"] = write(tmp_path / "x.safetensors", tensors(plan)).read_bytes()
    dice = random.Random(0)
    path = tmp_path / "damaged"
    for content in whole.values():
        for attempt in range(150):
            data = bytearray(content)
            if attempt % 3 == 0:
                del data[dice.randrange(len(data)) :]
            else:  # headers and directories stand at the ends
                for _ in range(dice.choice([1, 8, 64])):
                    place = dice.choice(
                        [dice.randrange(len(data)), dice.randrange(4096) % len(data), -dice.randrange(1, 4096)]
                    )
                    data[place] ^= 1 << dice.randrange(8)
            path.write_bytes(data)
            for problem in problems_of(path, plan):
                assert problem.code in ("model_unreadable", "weights_mismatch", "weights_pickle")


def problems_of(path: Path, plan: Plan) -> tuple[Problem, ...]:
    try:
        with open_weights(path) as source:
            for _ in require_match(match_weights(plan, source), plan).arrays():
                pass
    except KresnetError as error:
        return error.problems
    return ()
