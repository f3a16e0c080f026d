"""`kresnet prepare`, as a user types it."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_main import run as typed


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        for name in ("ape", "owl"):
            (tmp_path / "birds" / split / name).mkdir(parents=True)
            for number in range(4):
                seed = hash((split == "test", name == "ape", number)) % 1000
                pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "birds" / split / name / f"{number}.png")
    return tmp_path


def test_what_is_printed_can_be_typed(home, capsys):
    assert typed("prepare", "birds", "-o", "out", "--shard-examples", "3") == 0
    out = capsys.readouterr().out
    assert "train: 8 images" in out
    assert "in 3 shards" in out
    words = shlex.split(out.splitlines()[-1].removeprefix("to train on it: kresnet fit SPEC"))
    assert words == ["--set", "recipe.data={kind: prepared, path: out}"]
    settings = ["--set", "head.classes=2", "--set", "input.shape=[8,8,3]", "--set", "recipe.batch_size=4"]
    settings += ["--set", "stages=[{blocks: 1, width: 8}]"]
    assert typed("fit", "quickstart", *words, *settings, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"]["train"] == 8
    assert typed("data", "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["splits"]["train"]["images"], found["classes"]) == ("prepared", 8, ["ape", "owl"])


def test_json_is_the_manifest(home, capsys):
    assert typed("prepare", "birds", "-o", "out", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((home / "out" / "prepared.json").read_text())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("prepare nowhere -o out", "data_missing"),
        ("prepare birds", "bad_option"),
        ("prepare birds -o out --quality 80", "bad_option"),
        ("prepare birds -o out --quality 0 --shorter-side 4", "bad_option"),
        ("prepare birds -o birds", "output_exists"),
        ("prepare birds -o out --set recipe.data.train_split=x", "data_missing"),
    ],
)
def test_mistakes_have_their_codes(line, code, home, capsys):
    assert typed(*line.split()) == 2
    assert f"[{code}]" in capsys.readouterr().err
