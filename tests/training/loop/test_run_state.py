"""How far a run is: counted in epochs, and taken up from a checkpoint's facts by a run that may have changed."""

from __future__ import annotations

import json

import pytest

from kresnet.plan.convolutions import KernelChoice, kernels_as_dict
from kresnet.runs.resolved_run import ComputeSettings
from kresnet.training.loop.run_state import RunState
from tests.training.small_runs import vector_run

STOPPING = {"patience_epochs": 1.0, "metric": "accuracy"}


@pytest.fixture
def run(tmp_path):
    """A run of two epochs of five steps, with settings of its own."""

    def resolved(**recipe):
        compute = ComputeSettings(1, "float32", "float32", xla=False)
        return vector_run(tmp_path, **recipe).with_training_images(40).with_compute(compute)

    return resolved


def advanced(state: RunState) -> RunState:
    """Return a state after the first epoch of two."""
    state.step, state.seconds = 5, 1.5
    state.line = {"step": 5, "epoch": 1}
    state.best = {"step": 5, "epoch": 1, "value": 0.5}
    state.throughput.add(2.0, 16, 0.1)
    state.throughput.add(1.0, 16, 0.1)
    if state.stopping:
        state.stopping.observe(5, {"accuracy": 0.5})
    return state


def test_facts_are_json_and_restore_the_state_that_gave_them(run):
    state, other = advanced(RunState(run(early_stopping=STOPPING))), RunState(run(early_stopping=STOPPING))
    facts = json.loads(json.dumps(state.facts()))
    other.restore(5, facts)
    assert json.loads(json.dumps(other.facts())) == facts
    assert (other.step, other.stopping.best, other.throughput.sums()) == (5, 0.5, (1.0, 16, 0.1))


def test_an_epoch_is_open_until_its_line_is_written_and_the_run_ends_after_its_last(run):
    state = RunState(run())
    assert (state.epoch_open, state.at_end, state.epochs_ended) == (False, False, 0)
    state.step = 5
    assert state.epoch_open
    advanced(state)
    assert (state.epoch_open, state.at_end, state.epochs_ended, state.epoch) == (False, False, 1, 1)
    state.step = 10
    assert (state.epoch_open, state.at_end, state.epoch) == (True, False, 2)
    state.line = {"step": 10, "epoch": 2}
    assert (state.epoch_open, state.at_end, state.epochs_ended) == (False, True, 2)


def test_an_epoch_that_a_shorter_length_cut_short_has_not_ended(run):
    state = RunState(run(epochs=3))
    state.step, state.line = 7, {"step": 7, "epoch": 2}
    assert state.epochs_ended == 1


def test_a_run_that_a_callback_stops_ends_in_the_middle_of_an_epoch(run):
    state = RunState(run())
    state.step, state.stopped = 7, True
    assert (state.epoch_open, state.at_end) == (True, False)
    state.line = {"step": 7, "epoch": 2}
    assert (state.at_end, state.epochs_ended) == (True, 2)
    other = RunState(run())
    other.restore(7, state.facts())
    assert other.stopped


def test_early_stopping_that_a_changed_recipe_has_added_begins_with_the_resumption(run):
    facts = advanced(RunState(run())).facts()
    state = RunState(run(early_stopping=STOPPING))
    state.restore(5, facts)
    assert (state.stopping.best, state.stopping.stopped, state.at_end) == (None, False, False)


def test_a_checkpoint_names_the_kernels_that_its_bits_depend_on(run):
    choices = {"block1": KernelChoice(by_weights="products")}
    assert RunState(run().with_kernels(choices)).facts()["kernels"] == kernels_as_dict(choices) != {}
    assert "kernels" not in RunState(run()).facts()
