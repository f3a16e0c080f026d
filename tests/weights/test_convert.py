"""`kresnet convert` from end to end: Idelbayev's trained networks, Keras's files old and new, kresnet's own."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import h5py
import keras
import numpy as np
import pytest

from kresnet.cli.main import main
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.fuzz.target import FILES
from tests.golden.regenerate import plan_of
from tests.weights.conftest import DATA
from tests.weights.small_weight_files import SMALL, load_with_keras, tensors, write


def convert(*arguments: object) -> dict:
    """What the command prints, run in this process, which has imported TensorFlow already."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, arguments), "--json"])
    assert not ended.value.code, told.getvalue()
    return json.loads(out.getvalue()) | {"told": told.getvalue()}


@pytest.mark.parametrize("depth", [20, pytest.param(32, marks=pytest.mark.slow)])
def test_idelbayevs_networks_compute_his_logits(trained, tmp_path, depth):
    path = tmp_path / "model.keras"
    result = convert(trained / f"resnet{depth}.safetensors", "--spec", f"cifar_resnet{depth}_pytorch", "-o", path)
    assert result["layout"] == "cifar-pytorch"
    reference = np.load(trained / f"resnet{depth}-reference.npz")
    logits = np.asarray(load_with_keras(path)(reference["images"].astype(np.float32), training=False))
    assert np.abs(logits - reference["logits"]).max() < 1e-4
    assert (logits.argmax(1) == reference["predictions"][:256]).all()


@pytest.mark.slow
@pytest.mark.parametrize("depth", [20, 32])
def test_idelbayevs_networks_predict_as_he_does_on_all_test_images(trained, tmp_path, depth):
    import tensorflow_datasets as tfds

    path = tmp_path / "model.keras"
    convert(trained / f"resnet{depth}.safetensors", "--spec", f"cifar_resnet{depth}_pytorch", "-o", path)
    builder = tfds.builder_from_directory(DATA / "tfds" / "cifar10_jpeg" / "1.0.0")
    images = builder.as_dataset("test", batch_size=-1)["image"].numpy()
    logits = load_with_keras(path).predict(images.astype(np.float32), batch_size=500, verbose=0)
    theirs = np.load(trained / f"resnet{depth}-reference.npz")["predictions"]
    margins = {int(i): float(np.ptp(np.sort(logits[i])[-2:])) for i in np.flatnonzero(logits.argmax(1) != theirs)}
    assert not margins, f"images that differ, and how far their two largest logits are apart: {margins}"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The working directory, with a spec and its network's weights in torchvision's names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    write(tmp_path / "w.safetensors", tensors(plan_loaded(load_spec(str(tmp_path / "small.yaml")))))
    return tmp_path


def test_a_new_head_starts_afresh_where_allowed(small):
    allowed = ["--allow-missing", "head.logits", "--allow-unused", "fc"]
    options = ["--set", "head.classes=7", *allowed, "-o", "model.keras"]
    result = convert("w.safetensors", "--spec", "small.yaml", *options)
    assert result["left_as_initialized"] == ["head.logits/kernel", "head.logits/bias"]
    assert load_with_keras(small / "model.keras").output_shape == (None, 7)


def test_half_precision_and_wrappers_are_told(small):
    arrays = tensors(plan_loaded(load_spec(str(small / "small.yaml"))))
    write(small / "half.safetensors", {f"module.{name}": array.astype(np.float16) for name, array in arrays.items()})
    result = convert("half.safetensors", "--spec", "small.yaml", "-o", "model.keras")
    assert result["cast_to_float32"] == {"float16": len(arrays)}
    assert "prefix `module.`" in result["told"]
    assert "cast to float32" in result["told"]


@pytest.mark.parametrize(("entry", "added"), [("state_dict_ema", 1), ("state_dict", 0)])
def test_a_checkpoint_of_pytorch_is_converted_as_it_is(small, entry, added):
    """Written by torch.save as timm's training script does; the arrays beside it by NumPy."""
    asked = ["--entry", entry] * (entry == "state_dict")
    result = convert(FILES / "small_checkpoint.pth", "--spec", "small.yaml", *asked, "-o", "model.keras")
    assert result["entry"] == entry
    assert result["prefix"] == ("module." if entry == "state_dict" else "")
    assert f"The weights are the entry `{entry}`" in result["told"]
    assert ("(--entry state_dict)" in result["told"]) == (not asked)
    model = load_with_keras(small / "model.keras")
    with np.load(FILES / "small.npz") as theirs:
        kernel = theirs["layer2.1.conv2.weight"].transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(model.get_layer("stage2-block2-conv2").kernel.numpy(), kernel + np.float32(added))
        variance = theirs["bn1.running_var"] + np.float32(added)
        np.testing.assert_array_equal(model.get_layer("stem-norm").moving_variance.numpy(), variance)


def test_kresnets_own_models_are_sources_too(small):
    convert("w.safetensors", "--spec", "small.yaml", "-o", "a.keras")
    result = convert("a.keras", "--spec", "small.yaml", "-o", "b.keras")
    assert result["layout"] == "kresnet"
    assert result["carried_over"] == {"convolution.padding": "symmetric"}
    for one, other in zip(
        load_with_keras(small / "a.keras").weights, load_with_keras(small / "b.keras").weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_every_arrangement_of_keras_files_gives_the_same_arrays(tmp_path):
    peer = keras.applications.ResNet50(weights=None, input_shape=(32, 32, 3), classes=4)
    peer.save(tmp_path / "a.keras")
    peer.save_weights(tmp_path / "b.weights.h5")
    save_as_keras_2(peer, tmp_path / "c.h5")
    plan = plan_of("resnet50_keras", "head.classes=4")
    for name in ("a.keras", "b.weights.h5", "c.h5"):
        with open_weights(tmp_path / name) as source:
            found = require_match(match_weights(plan, source), plan)
            assert len(found.pairs) == len(peer.weights)
            values = {target.name: array for target, array in found.arrays()}
        np.testing.assert_array_equal(values["head.logits/kernel"], peer.get_layer("predictions").kernel.numpy())
        variance = peer.get_layer("conv3_block1_0_bn").moving_variance.numpy()
        np.testing.assert_array_equal(values["stage2.block1.shortcut.norm/moving_variance"], variance)


def save_as_keras_2(model: keras.Model, path) -> None:
    """The arrangement in which keras.applications publishes its weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = weight.numpy()
