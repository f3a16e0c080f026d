"""The network that a user names: a run or a `.keras` file, its spec and its class names."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.document import dump
from kresnet.spec.loading import load_recipe
from tests.export.networks import CLASS_NAMES, save_converted, spec_of

FINISHED = Path(__file__).parent / "written_by_0_1_0" / "finished"


def test_a_run_has_its_own_spec_classes_and_provenance():
    opened = open_trained_model(FINISHED)
    assert opened.model == FINISHED / "model.keras"
    assert opened.run.path == FINISHED
    assert (opened.spec.name, opened.class_names) == ("every_layer", ("0", "1", "2"))
    assert opened.provenance["sha256"] == hashlib.sha256(opened.model.read_bytes()).hexdigest()
    assert opened.provenance["result"] == json.loads((FINISHED / "result.json").read_text())
    assert opened.provenance["averaged_weights"] is True
    with pytest.raises(KresnetError, match="bad_option"):
        open_trained_model(FINISHED, spec="quickstart")


def test_the_file_within_a_run_is_that_run():
    assert open_trained_model(FINISHED / "model.keras").run.path == FINISHED


def test_a_file_alone_needs_a_spec_named_or_beside_it(tmp_path):
    path = Path(shutil.copy(FINISHED / "model.keras", tmp_path / "alone.keras"))
    with pytest.raises(KresnetError, match=r"(?s)file_missing.*--spec SPEC"):
        open_trained_model(path)
    named = open_trained_model(path, spec=FINISHED / "spec.yaml", classes=["level", "upright", "aslant"])
    assert (named.run, named.class_names) == (None, ("level", "upright", "aslant"))
    shutil.copy(FINISHED / "spec.yaml", tmp_path / "alone.yaml")
    beside = open_trained_model(path)
    assert (beside.spec, beside.plan) == (named.spec, named.plan)
    assert beside.provenance["class_names"] == "the classes' numbers"


def test_class_names_are_the_lines_of_a_text_file(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("level\nupright\naslant\n")
    assert open_trained_model(FINISHED, classes=names).class_names == ("level", "upright", "aslant")
    names.write_bytes(b"\xff\xfe\n")
    with pytest.raises(KresnetError, match="file_unreadable"):
        open_trained_model(FINISHED, classes=names)
    with pytest.raises(KresnetError, match="file_missing"):
        open_trained_model(FINISHED, classes=tmp_path / "absent.txt")


def test_class_names_are_clean_whoever_wrote_the_file(tmp_path):
    names = tmp_path / "names.txt"
    for data in ("\ufefflevel\r\n  upright  \r\naslant\r\n\r\n".encode(), "level\nupright\naslant".encode("utf-16")):
        names.write_bytes(data)
        assert open_trained_model(FINISHED, classes=names).class_names == ("level", "upright", "aslant")


def test_class_names_that_do_not_tell_classes_apart_are_refused_line_by_line(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("level\n\n level\n")
    with pytest.raises(KresnetError) as caught:
        open_trained_model(FINISHED, classes=names)
    assert [(each.code, str(each.place)) for each in caught.value.problems] == [
        ("bad_option", f"{names}:2"),
        ("bad_option", f"{names}:3"),
    ]
    assert f"stands at {names}:1 already" in caught.value.problems[1].message
    with pytest.raises(KresnetError, match=r"classes\[2\].*stands at classes\[0\] already"):
        open_trained_model(FINISHED, classes=["level", "upright", "level"])


def test_a_run_that_has_not_finished_has_no_model():
    with pytest.raises(KresnetError, match="has not finished training"):
        open_trained_model(FINISHED.with_name("interrupted"))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.keras` file and its spec beside it, as `kresnet convert` leaves them."""
    return save_converted(tmp_path_factory.mktemp("converted"))


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
