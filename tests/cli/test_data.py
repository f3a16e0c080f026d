"""`kresnet data`, as a user types it."""

import csv
import json
import shlex

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_main import run as typed

#: Less of the network to trace.
SMALL = "stages=[{blocks: 1, width: 8}]"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A table of eight images, with its own names of columns and splits."""
    monkeypatch.chdir(tmp_path)
    lines = [["File", "Species", "Set"]]
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append([f"{number}.png", ("owl", "ape")[number % 2], "training" if number < 6 else "val"])
    with (tmp_path / "birds.csv").open("w") as file:
        csv.writer(file).writerows(lines)
    return tmp_path


def test_what_is_printed_can_be_typed(home, capsys):
    assert typed("data", "birds.csv") == 0
    out = capsys.readouterr().out
    command = next(line for line in out.splitlines() if line.startswith("to train on it: "))
    words = shlex.split(command.removeprefix("to train on it: kresnet fit SPEC"))
    assert words == [
        "--set",
        "recipe.data={kind: table, path: birds.csv, image: File, label: Species, split: Set, train_split: training, "
        "test_split: val}",
        "--set",
        "head.classes=2",
    ]
    words += ["--set", "input.shape=[8,8,3]", "--set", SMALL, "--set", "recipe.batch_size=3"]
    assert typed("fit", "quickstart", *words, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"]["train"] == 6


def test_json_holds_all(home, capsys):
    (home / "7.png").write_bytes(b"")
    assert typed("data", "birds.csv", "--json", "-o", "grid.png") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["splits"]["train"] == {"images": 6, "classes": {"ape": 3, "owl": 3}}
    assert found["headers"]["unreadable_images"] == {"7.png": "is empty"}
    assert (home / "grid.png").is_file()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("data nowhere.csv", "data_missing"),
        ("data folder:nowhere", "data_missing"),
        ("data birds.csv --set recipe.epochs=3", "bad_override"),
        ("data birds.csv --set recipe.data.label=Genus", "data_mismatch"),
        ("data birds.csv -o grid.gif", "bad_option"),
        ("data birds.csv -o birds.csv", "bad_option"),
    ],
)
def test_mistakes_have_their_codes(line, code, home, capsys):
    status = typed(*line.split())
    told = capsys.readouterr()
    assert f"[{code}]" in told.err + told.out
    assert status == (0 if "Genus" in line else 2)


def test_values_of_a_table_are_learned_from_images(home, capsys):
    lines = (home / "birds.csv").read_text().splitlines()
    ages = ["age", *(str(number / 2) for number in range(8))]
    (home / "birds.csv").write_text("\n".join(f"{line},{age}" for line, age in zip(lines, ages, strict=True)))
    assert typed("data", "birds.csv", "--set", "recipe.data.values=age", "--json") == 0
    overrides = json.loads(capsys.readouterr().out)["overrides"]
    assert overrides[1] == "head={kind: regressor, outputs: 1}"
    words = [word for each in [*overrides, SMALL, "input.shape=[8,8,3]", "recipe.batch_size=3", "recipe.epochs=1"]
             for word in ("--set", each)]  # fmt: skip
    assert typed("fit", "quickstart", *words, "-o", "run") == 0
    result = json.loads((home / "run" / "result.json").read_text())
    assert result["test"]["absolute_error"] > 0
