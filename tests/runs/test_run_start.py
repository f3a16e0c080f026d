"""A run's directory is created whole or not at all, and only where no step of another run is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run, may_be_begun_anew
from tests.runs.begun_run import DATA, RUN


def test_a_directory_that_is_there_is_refused_and_left_alone(directory, tmp_path):
    directory.history.append({"step": 5})
    before = sorted(directory.path.iterdir())
    with pytest.raises(KresnetError, match=r"(?s)output_exists.*--resume"):
        create_run(RunDirectory(directory.path), RUN, {})
    assert sorted(directory.path.iterdir()) == before
    (tmp_path / "empty").mkdir()
    create_run(RunDirectory(tmp_path / "empty"), RUN, {})  # which hinders nobody


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
    assert may_be_begun_anew(directory)
    other = replace(RUN, data=replace(DATA, fingerprint="abd"))
    create_run(RunDirectory(directory.path), other, {})
    assert directory.data()["fingerprint"] == "abd"
    assert not directory.checkpoints.exists()
    assert not (directory.path / "ended.json").exists()
    assert [path.name for path in directory.path.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "name", ["checkpoints/step-00000003", "checkpoints/damaged-step-00000003", "model.keras", "notes.txt"]
)
def test_a_run_with_a_step_or_with_other_files_is_not(directory, name):
    (directory.path / name).mkdir(parents=True)
    assert not may_be_begun_anew(directory)
    with pytest.raises(KresnetError, match="output_exists"):
        create_run(RunDirectory(directory.path), RUN, {})
    assert (directory.path / name).exists()


def test_nor_is_one_that_a_process_writes(directory):
    with RunLock(directory.path, lambda text: None):
        assert not may_be_begun_anew(directory)
    assert may_be_begun_anew(directory)
