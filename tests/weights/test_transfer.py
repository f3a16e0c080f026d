"""`kresnet fit --init --freeze`: what is loaded, what stays as it is, what a resumed run remembers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.transfer import Transfer, prepare_transfer
from tests.command import kresnet
from tests.weights.small_weight_files import load_with_keras, write

SPEC = """
name: tiny
input: {shape: [28, 28, 1], pixels: {mean: [0.286], std: [0.353]}}
stem: {kind: conv, width: 8, kernel: 3, stride: 2}
block: {kind: basic}
stages: [{blocks: 1, width: 8, stride: 2}, {blocks: 1, width: 16, stride: 2}]
head: {classes: 10}
"""
RECIPE = """
name: short
data: {kind: embedded}
epochs: 1
batch_size: 900
optimizer: {kind: sgd, learning_rate: 0.1, weight_decay: 0.01}
schedule: {kind: constant}
deterministic: true
precision: float32
checkpoints: {save_every_steps: 7}
"""
FROZEN = ("stem", "stage1")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a spec, a recipe, and a model of seven classes to start from."""
    directory = tmp_path_factory.mktemp("transfer")
    (directory / "tiny.yaml").write_text(SPEC)
    (directory / "short.yaml").write_text(RECIPE)
    done = kresnet("build", "tiny.yaml", "--set", "head.classes=7", "-o", "seven", cwd=directory)
    assert done.returncode == 0, done.stderr
    return directory


def fit(home: Path, name: str, *options: object):
    return kresnet("fit", "tiny.yaml", "--recipe", "short.yaml", "-o", name, *options, cwd=home)


@pytest.fixture(scope="module")
def run(home) -> Path:
    done = fit(home, "run", "--init", "seven/model.keras", "--freeze", ",".join(FROZEN))
    assert done.returncode == 0, done.stderr
    assert "new: head.logits/kernel, head.logits/bias" in done.stderr
    return home / "run"


def weights(path: Path) -> dict[str, np.ndarray]:
    model = load_with_keras(path)
    return {f"{layer.name}/{weight.name}": weight.numpy() for layer in model.layers for weight in layer.weights}


def test_frozen_parts_are_untouched_and_the_others_learn(home, run):
    """No update and no decay; and frozen batch norms in inference mode, so that their statistics stand still."""
    before, after = weights(home / "seven" / "model.keras"), weights(run / "model.keras")
    for name, value in after.items():
        if name.startswith(FROZEN):
            np.testing.assert_array_equal(value, before[name])
        elif not name.startswith("head."):
            assert not np.array_equal(value, before[name]), name


def test_the_run_records_what_it_started_from(home, run):
    record = json.loads((run / "transfer.json").read_text())
    assert record["init"] == str((home / "seven" / "model.keras").resolve())
    assert record["freeze"] == list(FROZEN)
    assert record["new"] == ["head.logits/kernel", "head.logits/bias"]
    assert (run / "init.keras").read_bytes() == (home / "seven" / "model.keras").read_bytes()


@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_resumed_run_starts_from_and_holds_the_same(run, tmp_path, checkpoints):
    again = tmp_path / "again"
    shutil.copytree(run, again)
    for left_over in ("result.json", "model.keras"):
        (again / left_over).unlink()
    newest = max((again / "checkpoints").iterdir())
    shutil.rmtree(newest if checkpoints else again / "checkpoints")
    done = kresnet("fit", "--resume", again)
    assert done.returncode == 0, done.stderr
    assert ("Continuing after step" in done.stderr) == checkpoints
    found = weights(again / "model.keras")
    for name, value in weights(run / "model.keras").items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--freeze", "stem"], "bad_option", "--init model.keras"),
        (["--init", "nowhere.keras"], "file_missing", "nowhere.keras"),
        (["--init", "seven/model.keras", "--freeze", "stem,stag1"], "bad_option", "did you mean: stage1"),
        (["--init", "seven/model.keras", "--freeze", "head"], "bad_option", "head.logits/kernel"),
        (["--init", "seven/model.keras", "--freeze", "stem,stage1,stage2,head"], "bad_option", "nothing is left"),
        (["--init", "seven/model.keras", "--set", "stages.1.width=24"], "weights_mismatch", "(3, 3, 8, 24)"),
        (["--init", "other.safetensors"], "bad_option", "kresnet convert other.safetensors"),
        (["--resume", "run", "--freeze", "stem"], "bad_option", "--resume"),
    ],
)
def test_what_cannot_be_started_leaves_nothing_behind(home, run, options, code, told):
    write(home / "other.safetensors", {"fc.bias": np.zeros(3, np.float32)})
    done = fit(home, "never", *options)
    assert done.returncode == 2, done.stderr
    assert f"[{code}]" in done.stderr
    assert told in done.stderr
    assert not (home / "never").exists()


def test_a_network_that_computes_otherwise_is_told_apart(home):
    """Weights of the same shapes say nothing of pixels and strides; the file's layers do."""
    changes = ["input.pixels.mean=[0.3]", "norm={kind: batch, epsilon: 0.001}", "activation=silu"]
    plan = plan_loaded(load_spec(str(home / "tiny.yaml"), changes))
    transfer = prepare_transfer(plan, home / "seven" / "model.keras", [])
    assert transfer
    told = " ".join(transfer.differing)
    for name in ("normalize.mean is [0.286]", "stem.norm.epsilon is 1e-05", "stem.activation.function is relu"):
        assert name in told


def test_a_head_of_as_many_classes_that_are_others_begins_anew():
    plan = plan_loaded(load_spec("quickstart"))
    transfer = Transfer("init.keras", "0", (), (), (), ("cat", "dog"))
    assert transfer.for_classes(("cat", "dog"), plan) == transfer
    renewed = transfer.for_classes(("dog", "cat"), plan)
    assert renewed.new == ("head.logits/kernel", "head.logits/bias")
    assert "cat, dog" in renewed.differing[0]
    assert Transfer.from_dict(renewed.as_dict()) == renewed
    with pytest.raises(KresnetError):
        Transfer("init.keras", "0", ("head",), (), (), ("cat", "dog")).for_classes(("dog", "cat"), plan)
