"""A run's first steps, timed and forgotten: what `kresnet fit --dry-run` knows of a run beside its resolved recipe."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras

from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import DataSet
from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.context import DistributedContext, connect
from kresnet.plan.memory_estimate import MemoryEstimate, estimate_recipe_memory
from kresnet.plan.resolved_recipe import ResolvedRecipe
from kresnet.plan.segments import require_rematerialized_stages
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.loop.monitors import require_monitored_layers
from kresnet.training.loop.schedule import sampled_rates
from kresnet.training.opening import open_run_data
from kresnet.training.setup import batches_of_steps, make_trainer
from kresnet.training.step.engine import Engine

#: Steps are timed for about this long, at least and at most so many.
SECONDS, LEAST, MOST = 5.0, 3, 50


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time in seconds, measured with real batches on this machine.

    Attributes:
        first_step: time of the first step, which compiles.
        step: median time of the steps after the first.
        steps: number of steps that were timed after the first.
        evaluation: time to evaluate all images that epochs are measured on, estimated from one batch.
        training: estimated time of all steps of the run.
        total: estimated time of training with an evaluation after each epoch.
    """

    first_step: float
    step: float
    steps: int
    evaluation: float
    training: float
    total: float


@dataclass(frozen=True)
class DryRun:
    """What is known of a run before it begins."""

    spec: str
    resolved_recipe: ResolvedRecipe
    data: Mapping[str, Any]
    devices: int
    precision: str
    timing: Timing
    rates: tuple[tuple[int, float], ...]
    memory: MemoryEstimate
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; `learning_rates` are pairs of step (the first is 0) and rate."""
        return {
            "spec": self.spec,
            **self.resolved_recipe.as_dict(),
            "images": dict(self.data),
            "devices": self.devices,
            "computed_in": self.precision,
            "seconds": asdict(self.timing),
            "learning_rates": [list(pair) for pair in self.rates],
            "memory": self.memory.as_dict(),
            "notes": list(self.notes),
        }


def dry_run(run: ResolvedRun) -> DryRun:
    """Set a run of one process up and take its first steps; nothing is written.

    Raises:
        KresnetError: whatever `kresnet fit` would refuse to begin with; `image_unreadable`.
    """
    with connect(None, run.recipe) as context:
        run, data = open_run_data(run, context)
        require_monitored_layers(run.plan, run.recipe, run.devices.replicas)
        require_rematerialized_stages(run.plan, run.recipe.rematerialize)
        with naming_unreadable_images(*data.splits.values()):
            timing = _timed(run, data, context)
    assert run.data
    texts = {"batch_size": run.batch_size_text, "kernels": run.devices.kernels_text}
    return DryRun(
        run.plan.name,
        run.steps,
        {"name": data.name} | {name: len(split) for name, split in data.splits.items()} | {"notes": run.data.notes()},
        run.devices.replicas,
        run.devices.precision,
        timing,
        sampled_rates(run.steps.learning_rate),
        estimate_recipe_memory(
            run.plan, run.recipe, replicas=run.devices.replicas, teacher=run.teacher.plan if run.teacher else None
        ),
        (*(f"{name}: {text}" for name, text in texts.items() if text), *run.notes),
    )


def _timed(run: ResolvedRun, data: DataSet, context: DistributedContext) -> Timing:
    recipe, schedule = run.recipe, run.steps
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(make_trainer(run, context), context.strategy)
    batches = engine.distribute(batches_of_steps(run, data, 0, min(MOST + 1, schedule.total_steps)))

    def step() -> None:
        engine.train(batches, 1)
        engine.metrics()  # waits for the device

    later: list[float] = []
    first = _seconds(step)
    while len(later) < min(MOST, schedule.total_steps - 1) and (len(later) < LEAST or sum(later) < SECONDS):
        later.append(_seconds(step))
    each = statistics.median(later or [first])
    batch = evaluation_batches(data.selection, recipe.images_per_step).take(1)
    _ = engine.evaluate(batch, recipe.images_per_step)  # compiles
    batches_each = -(-len(data.selection) // recipe.images_per_step)
    evaluation = _seconds(lambda: engine.evaluate(batch, recipe.images_per_step)) * batches_each
    training = schedule.total_steps * each
    total = training + evaluation * -(-schedule.total_steps // schedule.epoch_steps)
    return Timing(first, each, len(later), evaluation, training, total)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
