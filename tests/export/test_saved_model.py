"""What an export looks like on disk: files, versions, class names, what its report says."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

from kresnet.errors import KresnetError
from kresnet.export.graph_scan import read_meta_graph
from kresnet.export.saved_model import ExportOptions, ExportResult, export_model
from kresnet.spec.architecture import Spec
from tests.export.networks import CLASS_NAMES, network, spec_of


def test_a_version_is_published_whole(exported: ExportResult) -> None:
    files = {path.relative_to(exported.path).as_posix() for path in exported.path.rglob("*") if path.is_file()}
    assert files >= {
        "saved_model.pb",
        "variables/variables.index",
        "assets.extra/tf_serving_warmup_requests",
        "assets.extra/kresnet/manifest.json",
        "assets.extra/kresnet/golden.npz",
        "assets.extra/kresnet/proof.json",
    }
    assert (exported.path.parent.name, exported.path.name, exported.version) == ("tiny", "1", 1)
    beside = {path.name for path in exported.path.parent.iterdir()}
    assert beside == {"1", "models.config", "batching.config", "monitoring.config"}
    folder = exported.path / "assets.extra" / "kresnet"
    assert (folder / "class_names.txt").read_text(encoding="utf-8").split("\n")[:-1] == list(CLASS_NAMES)
    assert Spec.model_validate_json((folder / "spec.json").read_text()) == spec_of()
    assert json.loads((folder / "proof.json").read_text())["passed"]


def test_the_report_says_what_was_and_what_was_not_verified(exported: ExportResult) -> None:
    report = exported.report
    assert report.passed
    text = "\n".join(report.lines())
    for phrase in ("largest difference", "batches of 1, 7 and 32", "tensorflow_model_server itself was not run"):
        assert phrase in text
    assert "random" not in "".join(report.not_verified)
    assert report.facts["largest_difference"] <= 1e-5
    assert report.facts["needs"] == "TF Serving 2.12 or newer, 2.20 for WebP files"


def test_versions_count_up_and_none_is_overwritten(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for taken in ("00003", "1", "2.tmp", "notes"):
        (tmp_path / "tiny" / taken).mkdir(parents=True)
    assert (
        export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=())).path
        == tmp_path / "tiny" / "4"
    )
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")}
    for version, taken in ((4, "4"), (3, "00003")):
        with pytest.raises(KresnetError, match=f"{taken} exists"):
            export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(version))
    with pytest.raises(KresnetError) as caught:
        export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(0))
    assert caught.value.problems[0].code == "bad_option"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")} == before


def test_class_names_must_match_the_head(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(KresnetError) as caught:
        export_model(model, spec_of(), ("one", "two"), tmp_path)
    assert caught.value.problems[0].code == "data_mismatch"
    assert list(tmp_path.iterdir()) == []


def test_another_network_than_the_specs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KresnetError) as caught:
        export_model(network(), spec_of(stages=[{"blocks": 2, "width": 8}]), CLASS_NAMES, tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["weights_mismatch"]
    assert "other differences" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_only_the_wanted_signatures_are_written(model: keras.Model, tmp_path: Path) -> None:
    result = export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=("features",)))
    assert set(read_meta_graph(result.path).signature_def) - {"__saved_model_init_op"} == {
        "serving_default",
        "features",
    }
    with pytest.raises(KresnetError) as caught:
        export_model(
            model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=("feature", "image_bytes", "regress"))
        )
    assert [problem.found for problem in caught.value.problems] == ["feature", "regress"]
    assert "did you mean: features" in str(caught.value)
