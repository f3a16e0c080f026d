"""The files of a run: created whole or not at all, read back as they were written, and cut short without harm."""

from dataclasses import replace
from pathlib import Path

import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error
from kresnet.runs.config_drift import ConfigChange
from kresnet.runs.lock import RunLock
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
    directory.history.append({"step": 5})
    before = sorted(directory.path.iterdir())
    with pytest.raises(KresnetError, match=r"(?s)output_exists.*--resume"):
        RunDirectory(directory.path).create(RUN, {})
    assert sorted(directory.path.iterdir()) == before
    (tmp_path / "empty").mkdir()
    RunDirectory(tmp_path / "empty").create(RUN, {})  # which hinders nobody


def leave_half_a_checkpoint(directory: RunDirectory) -> None:
    (directory.path / "checkpoints" / ".step-00000007.1.tmp").mkdir(parents=True)


def leave_the_state_before_the_first_step(directory: RunDirectory) -> None:
    (directory.path / "checkpoints" / "step-00000000").mkdir(parents=True)


def leave_a_killed_process(directory: RunDirectory) -> None:
    (directory.path / "lock").write_text("{}")
    (directory.path / "ended.json").write_text('{"code": "image_unreadable"}')
    (directory.path / "tensorboard").mkdir()


@pytest.mark.parametrize(
    "leave", [leave_half_a_checkpoint, leave_the_state_before_the_first_step, leave_a_killed_process]
)
def test_a_run_without_a_step_is_begun_anew(directory, leave):
    leave(directory)
    assert directory.may_be_begun_anew()
    other = replace(RUN, data=replace(DATA, fingerprint="abd"))
    RunDirectory(directory.path).create(other, {})
    assert directory.data()["fingerprint"] == "abd"
    assert not directory.checkpoints.exists()
    assert not (directory.path / "ended.json").exists()
    assert [path.name for path in directory.path.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "name", ["checkpoints/step-00000003", "checkpoints/damaged-step-00000003", "model.keras", "notes.txt"]
)
def test_a_run_with_a_step_or_with_other_files_is_not(directory, name):
    (directory.path / name).mkdir(parents=True)
    assert not directory.may_be_begun_anew()
    with pytest.raises(KresnetError, match="output_exists"):
        RunDirectory(directory.path).create(RUN, {})
    assert (directory.path / name).exists()


def test_nor_is_one_that_a_process_writes(directory):
    with RunLock(directory.path, lambda text: None):
        assert not directory.may_be_begun_anew()
    assert directory.may_be_begun_anew()


@pytest.mark.parametrize("error", [make_error("image_unreadable", "a.png cannot be read."), MemoryError()])
def test_what_ends_a_run_before_its_first_step_leaves_nothing(directory, error):
    with pytest.raises(type(error)), directory.recording_failure(lambda: False):
        raise error
    assert list(directory.path.parent.iterdir()) == []


def test_a_run_that_was_asked_to_stop_before_its_first_step_stays(directory):
    with pytest.raises(KresnetError), directory.recording_failure(lambda: False):
        raise make_error("interrupted", "The state is saved.")
    assert directory.recorded_failure()["code"] == "interrupted"


def test_a_folder_without_a_runs_documents_is_no_run(directory, tmp_path):
    (directory.path / "data.json").unlink()
    for path in (directory.path, tmp_path):
        with pytest.raises(KresnetError, match="run_missing"):
            RunDirectory.open(path)
    with pytest.raises(KresnetError, match=r"(?s)run_missing.*--resume"):
        directory.require_model()


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
