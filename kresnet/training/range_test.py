"""The learning-rate range test of Smith (2017, arXiv:1506.01186): a sweep of rates, and what it suggests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.context import connect
from kresnet.errors import make_error
from kresnet.files import replace_non_finite
from kresnet.plan.segments import require_rematerialized_stages
from kresnet.runs.checkpoints import Checkpoint
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.loop.rate_sweep import DIVERGED, smooth_losses, sweep_learning_rates
from kresnet.training.opening import open_run_data
from kresnet.training.setup import batches_of_steps, make_trainer, start_from_transfer
from kresnet.training.step.engine import Engine

#: A loss that fell by less than this share of what it began with has not fallen: batches differ by about as much.
_LEAST_FALL = 0.05
#: What to do where no rate made the loss fall, of weights that were trained before and of new ones.
_ADVICE_BEGUN = "The weights that it starts from may be as good as this recipe makes them; keep a low rate."
_ADVICE_NEW = (
    "See whether labels belong to their images (kresnet data), and whether gradients reach the first block "
    "(kresnet check gradients)."
)


@dataclass(frozen=True)
class RangeTest:
    """What a sweep of learning rates measured, and what it suggests.

    Attributes:
        spec, recipe: names of the network and of the recipe.
        optimizer: kind of the optimizer.
        precision: type of activations and products.
        devices: number of devices that shared each batch.
        batch_size: images of a step, over all devices.
        epochs: how often the sweep went through the training images.
        start_step: number of updates that the network had before the sweep.
        planned_steps: number of steps that the sweep would have taken without an early end.
        rates: learning rate of each step taken, rising by equal factors.
        losses: training loss of each step, before its update; nan for a last one that was not finite.
        smoothed: exponential mean of the losses up to each step.
        recipe_rate: peak learning rate of the recipe as it stands, for its batch size.
        suggestion: suggested peak learning rate for this batch size; None where the sweep suggests none.
        setting: the suggestion as `--set` takes it, in the recipe's own terms; empty without one.
        reason: why this rate, or why none and what to do, in words.
    """

    spec: str
    recipe: str
    optimizer: str
    precision: str
    devices: int
    batch_size: int
    epochs: float
    start_step: int
    planned_steps: int
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    recipe_rate: float
    suggestion: float | None
    setting: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the test as JSON-ready values; null stands for a loss that was not finite."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        document: dict[str, Any] = replace_non_finite(values | lists)
        return document


def find_learning_rate(
    run: ResolvedRun,
    log: Callable[[str], None],
    *,
    lowest: float,
    highest: float,
    steps: int,
    initial: Path | None = None,
    checkpoint: Checkpoint | None = None,
) -> RangeTest:
    """Set a run of one process up, and sweep its learning rate; nothing is written.

    Args:
        run: a run as its documents say.
        log: told what the user should know.
        lowest: learning rate of the first step.
        highest: learning rate of the last step.
        steps: number of steps, at least two.
        initial: `.keras` file of the weights that the run starts from, where it starts from some.
        checkpoint: state to sweep from, of this run; by default the run's beginning.

    Raises:
        KresnetError: `diverged` where the first step is not finite already; `run_changed` where the checkpoint is of
            another network or optimizer; whatever `kresnet fit` would refuse to begin with; `image_unreadable`.
    """
    rates = np.geomspace(lowest, highest, steps).tolist()
    run, losses = _sweep(run, log, rates, initial, checkpoint)
    if not np.isfinite(losses[0]):
        message = f"The first step is not finite, at a learning rate of {lowest:g}: no rate mends that."
        raise make_error("diverged", message, remedy="--set recipe.precision=float32, or kresnet check gradients SPEC")
    rates = rates[: len(losses)]
    suggestion, reason = suggest_learning_rate(rates, losses, begun=bool(run.transfer or checkpoint))
    per = run.recipe.optimizer.learning_rate_per
    stated = "" if suggestion is None else f"{suggestion * per / run.recipe.images_per_step if per else suggestion:.2g}"
    return RangeTest(
        spec=run.plan.name,
        recipe=run.recipe.name,
        optimizer=run.recipe.optimizer.kind,
        precision=run.devices.precision,
        devices=run.devices.replicas,
        batch_size=run.recipe.images_per_step,
        epochs=round(len(losses) / run.steps.epoch_steps, 2),
        start_step=checkpoint.step if checkpoint else 0,
        planned_steps=steps,
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smooth_losses(losses).tolist()),
        recipe_rate=run.steps.learning_rate.peak,
        suggestion=suggestion,
        setting=f"recipe.optimizer.learning_rate={stated}" if stated else "",
        reason=reason,
    )


def _sweep(
    run: ResolvedRun,
    log: Callable[[str], None],
    rates: Sequence[float],
    initial: Path | None,
    checkpoint: Checkpoint | None,
) -> tuple[ResolvedRun, list[float]]:
    """Set the run up, take steps at these rates, and return the run, its data known, and the steps' losses."""
    with connect(None, run.recipe) as context:
        run, data = open_run_data(run, context)
        if run.transfer:
            run = replace(run, transfer=run.transfer.for_classes(data.class_names, run.plan))
        require_rematerialized_stages(run.plan, run.recipe.rematerialize)
        keras.utils.set_random_seed(run.recipe.seed)
        prepare = partial(start_from_transfer, run, initial, log) if run.transfer else None
        engine = Engine(make_trainer(run, context, prepare), context.strategy)
        if checkpoint:
            try:
                engine.restore(checkpoint.arrays)
            except ValueError as error:
                raise make_error("run_changed", f"The run cannot be continued: {error}.") from None
        start = checkpoint.step if checkpoint else 0
        with naming_unreadable_images(*data.splits.values()):
            losses = sweep_learning_rates(engine, batches_of_steps(run, data, start, start + len(rates)), rates)
    return run, losses


def suggest_learning_rate(
    rates: Sequence[float], losses: Sequence[float], *, begun: bool = False
) -> tuple[float | None, str]:
    """Return the rate at which the smoothed loss falls fastest, to two digits, and why it is that, in words.

    Args:
        rates: learning rates, rising by equal factors.
        losses: loss of each step; the last may be nan. The first is finite.
        begun: whether the network was trained before.

    Returns:
        The rate, and the reason; no rate where the loss does not fall before it rises.
    """
    finite = [loss for loss in losses if np.isfinite(loss)]
    smoothed = smooth_losses(finite)
    least, beginning = int(smoothed.argmin()), float(np.mean(finite[: max(1, len(rates) // 10)]))
    end = f"The sweep ended at {rates[-1]:.2g}, where "
    if len(finite) < len(losses):
        end += "loss or gradients were no longer finite."
    elif smoothed[-1] > DIVERGED * smoothed[least]:
        end += f"the smoothed loss was more than {DIVERGED:g} times its least."
    else:
        end = f"The sweep went up to {rates[-1]:.2g}."
    least_text = f"{smoothed[least]:.3g}, at {rates[least]:.2g}"
    if least < 2 or smoothed[least] > (1.0 - _LEAST_FALL) * beginning:
        fall = f"The loss never fell by more than {_LEAST_FALL:.0%}: it began at {beginning:.3g}, and was least,"
        return None, f"{fall} smoothed, {least_text}. {end} {_ADVICE_BEGUN if begun else _ADVICE_NEW}"
    # Before the descent the mean is of few losses, and moves with each of them.
    above = np.flatnonzero(smoothed[:least] > (1.0 - _LEAST_FALL) * beginning)
    descent = int(above[-1]) if len(above) else 0
    fastest = descent + int(np.gradient(smoothed[: least + 1])[descent:].argmin())
    fell = f"The smoothed loss fell fastest at {rates[fastest]:.2g} and was least, {least_text}; it began at "
    return float(f"{rates[fastest]:.2g}"), f"{fell}{beginning:.3g}. {end}"


__all__ = ["RangeTest", "find_learning_rate", "suggest_learning_rate"]
