"""`kresnet build` writes the model that its plan describes."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

from kresnet.cli.main import main

SPEC = """
name: tiny
input: {shape: [8, 8, 1]}
stem: {kind: conv, width: 4, kernel: 3}
block: {kind: basic}
stages: [{blocks: 1, width: 4}]
head: {classes: 3}
"""


def test_the_model_is_written_and_told_with_its_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(SPEC)
    with pytest.raises(SystemExit) as ended:
        main(["build", "tiny.yaml", "--set", "head.classes=5", "--json"])
    assert not ended.value.code
    printed = json.loads(capsys.readouterr().out)
    assert printed["output"] == "tiny"
    assert sorted(printed["files"]) == sorted(path.name for path in Path("tiny").iterdir())
    model = keras.models.load_model("tiny/model.keras")
    assert model.output_shape == (None, 5)
    assert model.count_params() == printed["parameters"]["total"]
