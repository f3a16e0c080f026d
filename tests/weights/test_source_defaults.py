"""Defaults of the weights' project: applied where the spec states nothing, reported where it states otherwise."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from ruamel.yaml import YAML

from kresnet.cli.main import main
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from tests.command import kresnet
from tests.weights.small_weight_files import SMALL, load_with_keras, tensors, write


def convert(*arguments: object) -> dict:
    """What the command prints, run in this process, which has imported TensorFlow already."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, arguments), "--json"])
    assert not ended.value.code, told.getvalue()
    return json.loads(out.getvalue()) | {"told": told.getvalue()}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The working directory, with a spec and its network's weights in torchvision's names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    write(tmp_path / "w.safetensors", tensors(plan_loaded(load_spec(str(tmp_path / "small.yaml")))))
    return tmp_path


def test_defaults_are_applied_and_the_written_spec_says_so(small):
    result = convert("w.safetensors", "--spec", "small.yaml", "-o", "out/model.keras")
    assert result["carried_over"] == {"convolution.padding": "symmetric"}
    written = YAML(typ="safe").load((small / "out" / "model.yaml").read_text())
    assert written["convolution"]["padding"] == "symmetric"
    assert "stem-conv_pad" in {layer.name for layer in load_with_keras(small / "out" / "model.keras").layers}
    again = kresnet("convert", "w.safetensors", "--spec", "small.yaml", "-o", "out/model.keras", cwd=small)
    assert again.returncode == 2
    assert "[output_exists]" in again.stderr


def test_what_the_spec_states_stands_and_the_difference_is_told(small):
    stated = ["--set", "convolution.padding=same", "--set", "norm={kind: batch, epsilon: 0.001}"]
    result = convert("w.safetensors", "--spec", "small.yaml", *stated, "-o", "model.keras")
    assert result["carried_over"] == {}
    assert set(result["differing"]) == {"convolution.padding", "norm.epsilon"}
    assert "the numbers will differ" in result["told"]
