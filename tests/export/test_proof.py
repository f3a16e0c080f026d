"""The proof holds a published version to its manifest, and outlives whatever the version does to its process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.export import proof
from kresnet.export.proof import ProofReport, check_export

Edit = Callable[[Path, bytes, bytes], None]


def _failed(report: ProofReport) -> dict[str, str]:
    assert not report.passed
    assert report.lines()[-1].startswith("NOT servable")
    return {result.name: result.detail for result in report.results if not result.passed}


def test_a_copy_passes_and_a_models_folder_means_its_newest_version(copied: Path) -> None:
    (copied.parent / "0").mkdir()
    report = check_export(copied.parent)
    assert report.directory == copied
    assert report.passed
    assert report.as_dict()["passed"]
    json.dumps(report.as_dict())


def test_corrupted_weights_are_found(copied: Path) -> None:
    path = copied / "variables" / "variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[100] ^= 0x40
    path.write_bytes(data)
    failed = _failed(check_export(copied))
    assert "variables.data" in failed["files"]
    assert "DATA_LOSS" in failed["load"]


def test_an_operation_that_tensorflow_does_not_have_is_found(copied: Path, edit: Edit) -> None:
    edit(copied / "saved_model.pb", b"Softmax", b"Softmox")
    failed = _failed(check_export(copied))
    assert "Softmox" in failed["graph"]
    assert "does not have" in failed["graph"]
    assert "Softmox" in failed["load"]


def test_other_class_names_and_a_foreign_warm_up_are_found(copied: Path, edit: Edit) -> None:
    folder = copied / "assets.extra"
    edit(folder / "kresnet" / "manifest.json", b'"ankle boot"', b'"ankle shoe"')
    edit(folder / "kresnet" / "manifest.json", b'"bag"', b'"hat"')
    edit(folder / "tf_serving_warmup_requests", b"tiny", b"huge")
    failed = _failed(check_export(copied))
    assert "are not the class names" in failed["outputs"]
    assert "'huge'" in failed["warm-up"]
    assert next(iter(failed)) == "files"


@pytest.mark.parametrize("missing", ["saved_model.pb", "assets.extra/kresnet/golden.npz", "variables/variables.index"])
def test_a_missing_file_is_a_failed_check(copied: Path, missing: str) -> None:
    (copied / missing).unlink()
    assert missing in _failed(check_export(copied))["files"]


def test_what_is_no_export_of_kresnet_is_bad_input(tmp_path: Path, copied: Path) -> None:
    (copied / "assets.extra" / "kresnet" / "manifest.json").write_text("[1]")
    for path in (tmp_path / "absent", tmp_path, copied):
        with pytest.raises(KresnetError) as caught:
            check_export(path)
        assert [problem.code for problem in caught.value.problems] == ["model_unreadable"]
        assert caught.value.status == 2


def test_a_proof_that_hangs_is_a_failed_one(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "TIMEOUT_SECONDS", 0.2)
    report = check_export(copied)
    assert "had not ended" in next(iter(_failed(report).values()))
    assert "did not run" in report.not_verified[0]


def test_a_module_in_the_current_directory_is_not_picked_up(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert check_export(Path(os.path.relpath(copied))).passed
