"""`kresnet export` of a file without a run, of image folders, and for other runtimes; what it refuses."""

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
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.document import dump
from kresnet.spec.loading import load_recipe
from tests.export.networks import CLASS_NAMES, network, spec_of


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
    folder = tmp_path_factory.mktemp("converted")
    network().save(folder / "tiny.keras")
    (folder / "tiny.yaml").write_text(dump(spec_of().document()))
    (folder / "names.txt").write_text("\n".join(CLASS_NAMES) + "\n")
    return folder / "tiny.keras"


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


def test_classes_without_names_have_numbers(converted: Path) -> None:
    origin = open_trained_model(converted)
    assert origin.class_names == ("0", "1", "2")
    assert origin.provenance["class_names"] == "the classes' numbers"


def test_a_file_of_a_run_is_the_runs(converted: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.model.write_bytes(converted.read_bytes())
    for name in ("spec.yaml", "recipe.yaml", "data.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "spec.yaml").write_text(dump(spec_of().document()))
    (tmp_path / "recipe.yaml").write_text(dump(load_recipe("quickstart", ["ema.decay=0.9"]).value.document()))
    (tmp_path / "data.json").write_text(json.dumps({"class_names": CLASS_NAMES}))
    origin = open_trained_model(tmp_path / "model.keras")
    assert origin.class_names == CLASS_NAMES
    assert origin.run is not None
    assert origin.provenance["averaged_weights"]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_other_runtimes_answer_as_the_network_does(kind: str, converted: Path, tmp_path: Path) -> None:
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="pip install 'kresnet[onnx]'")
    path = tmp_path / f"tiny.{kind}"
    result = export(converted, "-o", path, "--format", kind)
    assert result["largest_difference"] < 1e-5
    about = json.loads((tmp_path / f"tiny.{kind}.json").read_text())
    assert about["input"] == {"name": "image", "dtype": "float32", "shape": [None, 12, 10, 3]}
    assert about["verified"]["rows"] == "Fashion-MNIST images"
    assert about["changes"][0]["what"].startswith("folded 3 batch norms")
    assert "[output_exists]" in export(converted, "-o", path, "--format", kind, status=2)


def test_half_the_bytes_in_tensorflow_lite(converted: Path, tmp_path: Path) -> None:
    result = export(converted, "-o", tmp_path / "half.tflite", "--format", "tflite", "--weights", "float16")
    assert 1e-5 < result["largest_difference"] < 1e-2


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
