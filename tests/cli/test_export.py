"""`kresnet export` of a file without a run and of image folders, and what it refuses."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kresnet.cli.main import main
from tests.export.networks import CLASS_NAMES, save_converted


def export(*arguments: object, status: int = 0) -> Any:
    """What the command prints, run in this process, which has imported TensorFlow already; what it says if it fails."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments), "--json"])
    assert (ended.value.code or 0) == status, told.getvalue()
    return told.getvalue() if status else json.loads(out.getvalue())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.keras` file and its spec beside it, as `kresnet convert` leaves them."""
    return save_converted(tmp_path_factory.mktemp("converted"))


def test_a_file_is_exported_with_the_spec_beside_it(converted: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    for name, image in {"a.png": noise, "b.jpg": noise[:20], "c.webp": noise[:, :9]}.items():
        Image.fromarray(image).save(tmp_path / "pictures" / name)
    names = converted.with_name("names.txt")
    given = ("--classes", names, "--images", tmp_path / "pictures", "--signatures", "image_bytes", "--version", "next")
    result = export(converted, "-o", tmp_path / "models", *given)
    version = tmp_path / "models" / "tiny" / "1"
    assert result["path"] == str(version)
    assert result["report"]["passed"]
    manifest = json.loads((version / "assets.extra" / "kresnet" / "manifest.json").read_text())
    assert manifest["class_names"] == list(CLASS_NAMES)
    assert manifest["golden_from"] == f"images of {tmp_path / 'pictures'}"
    assert manifest["origin"]["class_names"] == str(names)
    assert len(manifest["origin"]["sha256"]) == 64
    assert set(manifest["signatures"]) == {"serving_default", "image_bytes"}
    assert (tmp_path / "models" / "models.config").exists()
    assert "[output_exists]" in export(converted, "-o", tmp_path / "models", "--version", 1, status=2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version", "newest"], "bad_option"),
        (["--fold", "maybe"], "bad_option"),
        (["--weights", "int8"], "bad_option"),
        (["--format", "coreml"], "bad_option"),
        (["--format", "tflite", "--version", "3"], "bad_option"),
        (["--format", "onnx", "--weights", "float16"], "bad_option"),
        (["--signatures", "regress"], "bad_option"),
        (["--classes", "absent.txt"], "file_missing"),
        (["--images", "absent"], "data_missing"),
        (["--images", "."], "data_empty"),
        (["--spec", "cifar_resnet20"], "weights_mismatch"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], code: str, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = export(converted, "-o", "models", *arguments, status=2)
    assert f"[{code}]" in told
    assert not Path("models").exists()


def test_a_file_alone_needs_a_spec(converted: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.keras"
    alone.write_bytes(converted.read_bytes())
    assert "--spec SPEC" in export(alone, "-o", tmp_path / "models", status=2)
    assert "[file_missing]" in export(tmp_path / "absent.keras", "-o", tmp_path / "models", status=2)
    assert "[bad_option]" in export(tmp_path, "--spec", "quickstart", "-o", tmp_path / "models", status=2)
