"""A run goes on from its newest checkpoint that can be read, and from none that is not its own."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.runs.run_directory import RunDirectory
from kresnet.training.loop.restoring import restore_newest_checkpoint

STOPPED = {
    "stopped_by_callback": True,
    "early_stopping": {"best": 0.5, "best_step": 2, "stopped": True},
}


@pytest.fixture
def directory(tmp_path):
    """A run with checkpoints of steps 5 and 10."""
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    for step in (5, 10):
        store_of(directory).save(Checkpoint(step, {"updates": np.array(step)}, STOPPED))
    return directory


def store_of(directory: RunDirectory) -> CheckpointStore:
    return CheckpointStore(directory.checkpoints, keep_last=5)


def restore(directory: RunDirectory):
    """The checkpoint, what the engine was set to, and what was told."""
    states, told = [], []
    engine = SimpleNamespace(restore=states.append)
    checkpoint = restore_newest_checkpoint(engine, store_of(directory), directory, told.append)
    return checkpoint, [int(state["updates"]) for state in states], told


def damage(directory: RunDirectory, step: int) -> None:
    (directory.checkpoints / f"step-{step:08d}" / "state.npz").write_bytes(b"")


def test_the_newest_is_taken(directory):
    checkpoint, states, told = restore(directory)
    assert (checkpoint.step, dict(checkpoint.facts), states, told) == (10, STOPPED, [10], [])


def test_a_run_without_checkpoints_has_none(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    assert restore(directory) == (None, [], [])


def test_a_damaged_one_is_set_aside_and_the_one_before_it_taken(directory):
    damage(directory, 10)
    checkpoint, states, told = restore(directory)
    assert (checkpoint.step, states) == (5, [5])
    assert len(told) == 1
    assert "damaged-step-00000010 is damaged and was skipped" in told[0]
    assert store_of(directory).steps() == [5]


def test_where_all_are_damaged_nothing_is_trained_anew(directory):
    damage(directory, 5)
    damage(directory, 10)
    with pytest.raises(KresnetError, match=r"(?s)checkpoint_invalid.*rm -r"):
        restore(directory)


def test_one_of_another_network_is_an_error(directory):
    def refuse(state):
        raise ValueError("no variable is called updates")

    with pytest.raises(KresnetError, match="run_changed"):
        restore_newest_checkpoint(SimpleNamespace(restore=refuse), store_of(directory), directory, print)


@pytest.mark.parametrize("extended_after", [10, 5])
def test_a_run_that_is_trained_on_after_its_end_is_stopped_no_more(directory, extended_after):
    directory.extension.write_text(json.dumps({"after_step": extended_after}))
    facts = restore(directory)[0].facts
    goes_on = {"stopped_by_callback": False, "early_stopping": {"best": 0.5, "best_step": 10, "stopped": False}}
    assert facts == (goes_on if extended_after == 10 else STOPPED)
