"""A few steps of a small network on real images, by the way that `kresnet fit` takes: what the other parts compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.data.pipeline import training_batches
from kresnet.diagnostics.device_check.part import PartResult
from kresnet.distributed.context import connect
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.training.opening import open_run_data
from kresnet.training.setup import make_trainer
from kresnet.training.step.engine import Engine

#: The network: a stem and a block with a projection, smooth, since a rounding that turns a ReLU off would look like a
#: fault of a thousand times its size; and how it is trained, on the images that kresnet ships.
SPEC = {
    "name": "device_check",
    "input": {"shape": [28, 28, 1], "pixels": {"mean": [0.286], "std": [0.353]}},
    "stem": {"kind": "conv", "width": 16, "kernel": 3, "stride": 2},
    "activation": "silu",
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 32, "stride": 2}],
    "head": {"classes": 10},
}
RECIPE = {
    "name": "device_check",
    "data": {"kind": "embedded"},
    "epochs": 1,
    "batch_size": 64,
    "optimizer": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9},
}


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What some steps leave behind.

    Attributes:
        losses: the loss of each step.
        first: all variables before the first step, by the engine's names.
        second: all variables after it.
        last: all variables after the last step.
    """

    losses: tuple[float, ...]
    first: Mapping[str, np.ndarray]
    second: Mapping[str, np.ndarray]
    last: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class SmallTraining:
    """A run that is set up.

    Attributes:
        run: what it trains.
        engine: takes the steps.
        batches: the batches of its steps.
    """

    run: ResolvedRun
    engine: Engine
    batches: Any

    def step(self) -> float:
        """Take one step, and return its loss."""
        self.engine.reset_metrics()
        self.engine.train(self.batches, tf.constant(1, tf.int64))
        self.engine.steps_taken()
        return self.engine.metrics()["loss"]

    def finish(self, steps: int) -> TrainingOutcome:
        """Take the first `steps` steps."""
        first = self.engine.state()
        losses = [self.step()]
        second = self.engine.state()
        losses += [self.step() for _ in range(1, steps)]
        return TrainingOutcome(tuple(losses), first, second, self.engine.state())


def begin_training(
    steps: int, spec: Mapping[str, Any] | None = None, recipe: Mapping[str, Any] | None = None
) -> SmallTraining:
    """Set a run up.

    Args:
        steps: for how many steps there shall be batches.
        spec: what to change of `SPEC`.
        recipe: what to change of `RECIPE`.
    """
    run = resolve_run({**SPEC, **(spec or {})}, {**RECIPE, **(recipe or {})})
    with connect(None, run.recipe) as context:
        run, data = open_run_data(run, context)
        keras.utils.set_random_seed(run.recipe.seed)
        engine = Engine(make_trainer(run, context), context.strategy)
        batches = training_batches(
            data.train,
            augment=run.recipe.augment,
            classes=len(data.class_names),
            batch_size=run.recipe.images_per_step,
            seed=run.recipe.seed,
            start_step=0,
            stop_step=steps,
        )
        return SmallTraining(run, engine, engine.distribute(batches))


def train(
    steps: int, spec: Mapping[str, Any] | None = None, recipe: Mapping[str, Any] | None = None
) -> TrainingOutcome:
    """Take some steps of a new run; arguments as `begin_training` takes them."""
    return begin_training(steps, spec, recipe).finish(steps)


def update_difference(one: TrainingOutcome, other: TrainingOutcome) -> float:
    """Return how much the first updates differ, relative to their norm: what two ways of the same gradients cost.

    Both must begin with the same weights, else it is infinite.
    """
    if any(not np.array_equal(one.first[name], other.first[name]) for name in one.first):
        return float("inf")
    names = [name for name in one.first if one.first[name].dtype == np.float32 and one.first[name].ndim]
    apart, size = (
        np.sqrt(sum(np.sum(np.square(np.float64(a[name]) - np.float64(b[name]))) for name in names))
        for a, b in ((one.second, other.second), (one.second, one.first))
    )
    return float(apart / size)


def loss_difference(one: TrainingOutcome, other: TrainingOutcome) -> float:
    """Return the largest relative difference between the losses of the same step; NaN where one is no number."""
    mine, theirs = np.asarray(one.losses), np.asarray(other.losses)
    return float(np.max(np.abs(mine - theirs) / np.abs(mine)))


def judge_outcomes(name: str, one: TrainingOutcome, other: TrainingOutcome, bound: float, remedy: str) -> PartResult:
    """Return whether two ways of the same training agree: in the first update, and in every loss."""
    figures = {"update differs by": update_difference(one, other), "losses differ by": loss_difference(one, other)}
    wrong = [f"{what} {value:.1e}, of at most {bound:.1e}" for what, value in figures.items() if not value <= bound]
    if wrong:
        return PartResult(name, "failed", {**figures, "bound": bound}, "; ".join(wrong), remedy)
    return PartResult(name, "passed", {**figures, "bound": bound})


def differing_variables(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the variables that are not equal in every bit."""
    return [name for name, value in one.items() if value.tobytes() != other[name].tobytes()]
