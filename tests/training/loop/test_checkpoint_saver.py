"""When a run's state is due to be saved, and what is written then."""

from types import SimpleNamespace

import numpy as np
import pytest

from kresnet.errors import KresnetError, make_error
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.spec.recipe import Checkpoints
from kresnet.training.loop import checkpoint_saver
from kresnet.training.loop.checkpoint_saver import CheckpointSaver

#: An epoch of 10 steps, in a run of 25.
LENGTHS = SimpleNamespace(epoch_steps=10, total_steps=25)


def saver(store: CheckpointStore | None = None, **settings) -> CheckpointSaver:
    return CheckpointSaver(store, Checkpoints(**settings), LENGTHS)


def engine(value: float = 1.0):
    """An engine of one variable."""
    return SimpleNamespace(state=lambda: {"00000": np.array(value)})


@pytest.mark.parametrize(
    ("settings", "due"), [({}, [10, 20, 25]), ({"save_every_steps": 4}, [4, 8, 10, 12, 16, 20, 24, 25])]
)
def test_the_state_is_due_after_epochs_at_the_recipes_steps_and_at_the_end(settings, due):
    planned = saver(**settings)
    assert [step for step in range(26) if planned.due_at_step(step)] == due
    assert [planned.next_due_step(step) for step in range(25)] == [min(d for d in due if d > s) for s in range(25)]


def test_the_last_due_step_is_one_that_a_clock_cannot_change():
    planned = saver(save_every_steps=4)
    assert [planned.last_due_step(step) for step in (0, 3, 4, 11, 19, 24)] == [0, 0, 4, 10, 16, 24]


def test_the_clock_asks_for_a_save_when_the_recipes_minutes_have_passed(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(checkpoint_saver.time, "monotonic", lambda: now[0])
    timed, untimed = saver(save_every_minutes=2), saver()
    now[0] += 119
    assert not timed.due_by_clock()
    now[0] += 1
    assert timed.due_by_clock()
    assert not untimed.due_by_clock()
    timed.save(engine(), 3, {})
    assert not timed.due_by_clock()
    timed.close()


def test_a_state_is_written_once_with_the_counts_that_go_on_in_a_resumed_run(tmp_path):
    store = CheckpointStore(tmp_path / "checkpoints", 3)
    first = saver(store)
    first.save(engine(2.0), 10, {"seconds": 1.5})
    first.save(engine(3.0), 10, {"seconds": 9.9})  # the same step: nothing to do
    first.finish()
    checkpoint = store.latest()[0]
    assert (checkpoint.step, checkpoint.arrays["00000"]) == (10, 2.0)
    assert (checkpoint.facts["seconds"], checkpoint.facts["saves"]) == (1.5, 1)
    second = saver(store)
    second.continue_from(checkpoint.step, checkpoint.facts)
    second.save(engine(4.0), 10, {})
    second.save(engine(5.0), 20, {})
    second.finish()
    assert store.latest()[0].facts["saves"] == 2
    first.close()
    second.close()


def test_a_worker_without_a_store_reads_the_state_and_writes_nothing(tmp_path):
    reading = saver()
    reading.save(engine(), 10, {})
    reading.finish()
    assert reading.saves == 1
    assert not list(tmp_path.iterdir())
    reading.close()


def test_what_goes_wrong_in_writing_is_raised_by_the_next_wait(tmp_path, monkeypatch):
    def full(*_):
        raise make_error("disk_full", "There is no room left.")

    failing = saver(CheckpointStore(tmp_path, 1))
    monkeypatch.setattr(failing.store, "save", full)
    failing.save(engine(), 10, {})
    with pytest.raises(KresnetError, match="disk_full"):
        failing.finish()
    failing.close()
