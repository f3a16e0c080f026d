"""The files of a run: created whole or not at all, read back as they were written, and cut short without harm."""

from dataclasses import replace
from pathlib import Path

import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error
from kresnet.runs.config_drift import ConfigChange
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory

DATA = DataDescription("abc", tuple("0123456789"), train_images=640, test_images=100)
RUN = replace(resolve_run("quickstart", "quickstart"), data=DATA)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that was created and has made no step."""
    directory = RunDirectory(tmp_path / "run")
    directory.create(RUN, {"versions": {"kresnet": "0.1.0"}})
    return directory


def test_what_a_run_was_created_with_is_read_back(directory):
    opened = RunDirectory.open(directory.path)
    assert (opened.resolved.spec, opened.resolved.recipe, opened.resolved.plan) == (RUN.spec, RUN.recipe, RUN.plan)
    original = opened.original_config()
    assert original["spec"] == RUN.spec.document()
    assert original["recipe"] == RUN.recipe.document()
    assert original["data"] == opened.data()
    assert original["data"]["fingerprint"] == "abc"
    assert original["environment"] == {"versions": {"kresnet": "0.1.0"}}
    assert opened.read_transfer() is None
    assert opened.read_result() is None
    assert opened.newest_step() == 0


def test_a_damaged_file_of_a_transfer_is_named(directory):
    (directory.path / "transfer.json").write_text('{"init": "a.keras"}')
    with pytest.raises(KresnetError, match=r"(?s)transfer\.json.*run_missing"):
        _ = RunDirectory(directory.path).resolved


def test_a_directory_that_is_there_is_refused_and_left_alone(directory, tmp_path):
    before = sorted(directory.path.iterdir())
    with pytest.raises(KresnetError, match=r"(?s)output_exists.*--resume"):
        RunDirectory(directory.path).create(RUN, {})
    assert sorted(directory.path.iterdir()) == before
    (tmp_path / "empty").mkdir()
    RunDirectory(tmp_path / "empty").create(RUN, {})  # which hinders nobody


def test_a_folder_without_a_runs_documents_is_no_run(directory, tmp_path):
    (directory.path / "data.json").unlink()
    for path in (directory.path, tmp_path):
        with pytest.raises(KresnetError, match="run_missing"):
            RunDirectory.open(path)
    with pytest.raises(KresnetError, match=r"(?s)run_missing.*--resume"):
        directory.require_model()


def test_history_is_appended_read_and_cut_back_to_a_step(directory):
    assert directory.history_lines() == []
    for step in (5, 10, 15):
        directory.append_history({"step": step, **({"epoch": step // 10} if step == 10 else {})})
    with directory.history.open("a") as file:
        file.write('{"step": 20, "epo')  # as a kill leaves it
    assert [line["step"] for line in directory.history_lines()] == [5, 10, 15]
    assert directory.epoch_lines() == [{"step": 10, "epoch": 1}]
    directory.truncate_history(10)
    assert directory.history.read_text() == '{"step": 5}\n{"step": 10, "epoch": 1}\n'


def test_the_problem_that_ended_a_run_is_recorded_until_it_goes_on(directory):
    with pytest.raises(KresnetError), directory.recording_failure():
        raise make_error("diverged", "The loss is not finite.")
    assert directory.recorded_failure()["code"] == "diverged"
    with directory.recording_failure():
        assert directory.recorded_failure() == {}


def test_accepted_changes_are_told_and_become_what_later_resumptions_are_compared_with(directory):
    assert directory.accepted_changes() == []
    present = directory.original_config()
    present["recipe"]["seed"] = 7
    directory.accept_changes([ConfigChange("recipe.seed", 0, 7)], present)
    assert directory.accepted_changes() == ["after step 0: recipe.seed was 0 and is 7"]
    assert directory.original_config() == present
