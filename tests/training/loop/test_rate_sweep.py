"""A sweep of learning rates takes the run's own steps, and leaves no trace of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.distributed.context import connect
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.training.loop.rate_sweep import smooth_losses, sweep_learning_rates
from kresnet.training.opening import open_run_data
from kresnet.training.setup import batches_of_steps, make_trainer
from kresnet.training.step.engine import Engine
from tests.api.networks import SPEC, recipe
from tests.training.small_runs import vector_run


def train(engine: Engine, batches: Iterator[Any], steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        engine.reset_metrics()
        engine.train(batches, tf.constant(1, tf.int32))
        losses.append(engine.metrics()["loss"])
    return losses


def assert_a_sweep_leaves_no_trace(run: ResolvedRun, rates: list[float]) -> None:
    """Train three steps and then three more, with and without a sweep between them."""
    states, losses = [], []
    for swept in (False, True):
        with connect(None, run.recipe) as context:
            opened, data = open_run_data(run, context)
            keras.utils.set_random_seed(0)
            engine = Engine(make_trainer(opened, context), context.strategy)
            batches = engine.distribute(batches_of_steps(opened, data, 0, 6))
            begun = train(engine, batches, 3)
            if swept:
                before = engine.state()
                found = sweep_learning_rates(engine, batches_of_steps(opened, data, 3, 3 + len(rates)), rates)
                assert len(found) > 1
                assert all(np.array_equal(value, before[key]) for key, value in engine.state().items())
            losses.append([*begun, *train(engine, batches, 3)])
            states.append(engine.state())
    assert losses[0] == losses[1]
    for key, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][key])


def test_training_goes_on_as_if_there_had_been_no_sweep(tmp_path):
    settings = {"optimizer": {"kind": "adamw"}, "ema": {"decay": 0.9}, "augment": {"crop_padding": 1, "flip": True}}
    run = resolve_run(SPEC, recipe(tmp_path, schedule={"kind": "cosine"}, **settings))  # with dropout and batch norms
    assert_a_sweep_leaves_no_trace(run, [1e-3, 0.1, 10.0, 1000.0])


def test_what_xla_compiled_forgets_the_swept_rates(tmp_path):
    assert_a_sweep_leaves_no_trace(vector_run(tmp_path, xla="on"), [0.5, 2.0])


def test_steps_are_those_of_the_run_at_its_own_rate(tmp_path):
    run = vector_run(tmp_path)
    losses = []
    for swept in (False, True):
        with connect(None, run.recipe) as context:
            opened, data = open_run_data(run, context)
            keras.utils.set_random_seed(0)
            engine = Engine(make_trainer(opened, context), context.strategy)
            batches = batches_of_steps(opened, data, 0, 10)
            losses.append(
                sweep_learning_rates(engine, batches, [0.1] * 10)
                if swept
                else train(engine, engine.distribute(batches), 10)
            )
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 10


def test_a_sweep_ends_where_the_loss_does_not_come_back(tmp_path):
    run = vector_run(tmp_path)
    with connect(None, run.recipe) as context:
        run, data = open_run_data(run, context)
        engine = Engine(make_trainer(run, context), context.strategy)
        rates = [1e-3, 1e-3, 1e8, 1e30, 1e30, 1e30]
        losses = sweep_learning_rates(engine, batches_of_steps(run, data, 0, 6), rates)
    assert len(losses) == 4
    assert losses[2] < 10
    assert not losses[3] < 10


def test_smoothed_losses_are_weighted_means_of_those_so_far():
    losses, keep = [3.0, 1.0, 2.0, 0.5], 0.9
    expected = [np.average(losses[: n + 1], weights=keep ** np.arange(n, -1, -1.0)) for n in range(4)]
    np.testing.assert_allclose(smooth_losses(losses, keep), expected, rtol=1e-14)


@pytest.mark.parametrize("losses", [[], [2.0]])
def test_few_losses_are_smoothed(losses):
    assert smooth_losses(losses).tolist() == pytest.approx(losses)
