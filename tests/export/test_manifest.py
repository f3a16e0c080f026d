"""The manifest of an export, whose file keeps the keys that it had before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.export.manifest import FOLDER, MANIFEST, PROOF, Manifest, file_digests
from kresnet.export.signature_contract import Signature, TensorSpec

SIGNATURES = {
    "serving_default": Signature(
        {"vector": TensorSpec("float32", (None, 2))}, {"output": TensorSpec("float32", (None, 1))}
    )
}
VERSIONS = {"kresnet": "0.1.0"}
EXAMPLE = Manifest("tiny", VERSIONS, SIGNATURES, ("a", "ü"), "a test", ({"what": "x"},), {"file": "f"}, 12, {"f": "0"})


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir(parents=True)
    return tmp_path


def test_what_was_saved_is_loaded(version: Path) -> None:
    EXAMPLE.save(version)
    assert Manifest.load(version) == EXAMPLE


def test_the_file_has_the_keys_of_exports_written_before(version: Path) -> None:
    EXAMPLE.save(version)
    assert list(json.loads((version / MANIFEST).read_text(encoding="utf-8"))) == [
        "format", "name", "made_with", "signatures", "class_names", "golden_from", "changes", "origin",
        "weights_bytes", "digests",
    ]  # fmt: skip


def test_temperatures_are_kept_where_there_are_some(version: Path) -> None:
    calibrated = replace(EXAMPLE, temperatures=(1.5, 0.5))
    calibrated.save(version)
    assert Manifest.load(version) == calibrated


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"format": 1}', '{"format": 2, "name": "tiny"}'])
def test_what_is_no_manifest_is_told(text: str, version: Path) -> None:
    (version / MANIFEST).write_text(text)
    with pytest.raises(KresnetError) as caught:
        Manifest.load(version)
    assert [problem.code for problem in caught.value.problems] == ["model_unreadable"]


def test_digests_leave_out_what_is_written_after_them(version: Path) -> None:
    for name in (MANIFEST, PROOF, "variables/data"):
        (version / name).parent.mkdir(exist_ok=True)
        (version / name).write_bytes(name.encode())
    assert file_digests(version) == {"variables/data": hashlib.sha256(b"variables/data").hexdigest()}
