"""A run's first steps, timed and forgotten: what `kresnet fit --dry-run` knows of a run beside its outline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from kresnet.data.order import steps_per_epoch
from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources import DataSet
from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.context import DistributedContext, connect
from kresnet.plan import Plan
from kresnet.plan.memory_estimate import MemoryEstimate, estimate_recipe_memory
from kresnet.plan.resolved_recipe import ResolvedRecipe, resolve_recipe
from kresnet.plan.segments import require_stages
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.training.fit import make_trainer, open_for
from kresnet.training.loop.monitors import require_monitored
from kresnet.training.loop.schedule import learning_rate
from kresnet.training.step.engine import Engine

#: Steps are timed for about this long, at least and at most so many.
SECONDS, LEAST, MOST = 5.0, 3, 50
#: How many learning rates are given, evenly spaced over the run.
RATES = 200


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time in seconds, measured with real batches on this machine.

    Attributes:
        first_step: with compiling.
        step: median of the steps after it.
        steps: how many those were.
        evaluation: of all test images, from one batch.
        training: all steps of the run.
        total: training, and an evaluation after each epoch.
    """

    first_step: float
    step: float
    steps: int
    evaluation: float
    training: float
    total: float


@dataclass(frozen=True)
class DryRun:
    """What is known of a run of the network `spec` before it is begun."""

    spec: str
    outline: ResolvedRecipe
    data: Mapping[str, Any]
    devices: int
    precision: str
    timing: Timing
    rates: tuple[tuple[int, float], ...]
    memory: MemoryEstimate

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; `learning_rates` are pairs of step (the first is 0) and rate."""
        return {
            "spec": self.spec,
            **self.outline.as_dict(),
            "images": dict(self.data),
            "devices": self.devices,
            "computed_in": self.precision,
            "seconds": asdict(self.timing),
            "learning_rates": [list(pair) for pair in self.rates],
            "memory": self.memory.as_dict(),
        }


def dry_run(spec: Spec, plan: Plan, recipe: Recipe, document: Mapping[str, Any]) -> DryRun:
    """Set a run of one process up and take its first steps; nothing is written.

    Raises:
        KresnetError: whatever `kresnet fit` would refuse to begin with; `image_unreadable`.
    """
    with connect(None, recipe) as together:
        data = open_for(spec, plan, recipe)
        outline = resolve_recipe(recipe, plan, steps_per_epoch(len(data.train), recipe.batch_size), document)
        require_monitored(plan, recipe, together.strategy.num_replicas_in_sync)
        require_stages(plan, recipe.rematerialize)
        with naming_unreadable_images(data.train, data.test):
            timing = _timed(plan, recipe, outline, data, together)
    steps = np.unique(np.linspace(0, outline.total_steps - 1, RATES).astype(int))
    rates = np.asarray(learning_rate(outline.rate)(steps))
    devices = together.strategy.num_replicas_in_sync
    return DryRun(
        plan.name,
        outline,
        {"name": data.name, "train": len(data.train), "test": len(data.test)},
        devices,
        together.precision(recipe).name,
        timing,
        tuple(zip(steps.tolist(), rates.tolist(), strict=True)),
        estimate_recipe_memory(plan, recipe, replicas=devices),
    )


def _timed(plan: Plan, recipe: Recipe, outline: ResolvedRecipe, data: DataSet, together: DistributedContext) -> Timing:
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(make_trainer(plan, recipe, outline, together), together.strategy)
    batches = engine.distributed(
        training_batches(
            data.train,
            augment=recipe.augment,
            classes=len(data.class_names),
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            start_step=0,
            stop_step=min(MOST + 1, outline.total_steps),
        )
    )

    def step() -> None:
        engine.train(batches, 1)
        engine.metrics()  # waits for the device

    later: list[float] = []
    first = _seconds(step)
    while len(later) < min(MOST, outline.total_steps - 1) and (len(later) < LEAST or sum(later) < SECONDS):
        later.append(_seconds(step))
    each = statistics.median(later or [first])
    test = evaluation_batches(data.test, recipe.batch_size).take(1)
    _ = engine.evaluate(test, recipe.batch_size)  # compiles
    evaluation = _seconds(lambda: engine.evaluate(test, recipe.batch_size)) * -(-len(data.test) // recipe.batch_size)
    training = outline.total_steps * each
    total = training + evaluation * -(-outline.total_steps // outline.epoch_steps)
    return Timing(first, each, len(later), evaluation, training, total)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
