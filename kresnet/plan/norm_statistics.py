"""What batch norms can know of the data of a run: values a channel in a pass, and updates of moving statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil, floor, log, prod

from kresnet.errors import Problem
from kresnet.plan.records import Plan, Record
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.durations import stated_duration

#: Share of their start that moving statistics may still hold at the end of a run without a note.
SETTLED = 0.05


def norm_problems(plan: Plan, recipe: Recipe, *, replicas: int = 1, frozen: Collection[str] = ()) -> Iterator[Problem]:
    """Find batch norms that would normalise one value a channel, which has no variance.

    Such a norm gives its beta whatever it reads, so nothing below it learns, and its moving variance goes to zero.

    Args:
        plan: the network.
        recipe: how to train it.
        replicas: number of devices that share each batch.
        frozen: names of the records whose norms take their moving statistics.
    """
    images = recipe.images_per_step // recipe.accumulate_steps
    alone = [
        record
        for record in batch_norms(plan, frozen)
        if prod(record.shape[:-1]) * (images if record.settings["synchronized"] else images // replicas) == 1
    ]
    if alone:
        parts = recipe.accumulate_steps * replicas
        others = f" and {len(alone) - 1} others normalise" if len(alone) > 1 else " normalises"
        pixels = "x".join(map(str, alone[0].shape[:-1]))
        maps = f"a map of {pixels}" if pixels else "a vector"
        shares = [f"{recipe.accumulate_steps} parts a step"] * (recipe.accumulate_steps > 1)
        shares += [f"{replicas} replicas"] * (replicas > 1)
        divided = f" in {' and '.join(shares)}" if shares else ""
        message = (
            f"Batch norm `{alone[0].name}`{others} one value a channel, which has no variance: {maps}, and one image "
            f"at a time, as the batch of {recipe.images_per_step}{divided} gives."
        )
        yield Problem(
            "contradiction",
            message,
            path="recipe.batch_size",
            expected=f"at least {2 * parts}",
            found=str(recipe.images_per_step),
            remedy=f"--set recipe.batch_size={2 * parts}, or a norm of another kind",
        )


def unsettled_statistics_note(spec: Spec, plan: Plan, recipe: Recipe, epoch_steps: int, total_steps: int) -> str | None:
    """Return what to tell of moving statistics that a run from random weights ends too soon to settle; None if nothing.

    Args:
        spec: the network.
        plan: its plan.
        recipe: how it is trained.
        epoch_steps: steps of an epoch.
        total_steps: steps of the run.
    """
    norms = batch_norms(plan)
    momentum = max((record.settings["momentum"] for record in norms), default=0.0)
    updates = total_steps * recipe.accumulate_steps
    if (left := momentum**updates) <= SETTLED:
        return None
    steps = ceil(log(SETTLED) / log(momentum) / recipe.accumulate_steps)
    unit, _ = stated_duration(recipe) or ("epochs", 0)
    longer = {"epochs": ceil(steps / epoch_steps), "examples": steps * recipe.images_per_step}.get(unit, steps)
    lower = floor(100 * SETTLED ** (1 / updates)) / 100
    text = (
        f"The moving statistics of the batch norms will still hold {momentum:g}^{updates} = {left:.2f} of their start, "
        f"so evaluation normalises by other numbers than training did: {steps * recipe.accumulate_steps} updates would "
        f"leave {SETTLED:.0%} of it. Train longer: --set recipe.{unit}={longer}"
    )
    norms_of_blocks = (getattr(stage.block, "norm", spec.norm) for stage in spec.stages)
    if all(norm == spec.norm for norm in norms_of_blocks):  # else it is set in several places
        text += f"; or let them move faster: --set 'norm={{kind: batch, momentum: {lower:g}}}'"
    return f"{text}."


def batch_norms(plan: Plan, frozen: Collection[str] = ()) -> list[Record]:
    """Return the batch norms of a plan that take the statistics of each batch."""
    return [
        record
        for record in plan.records
        if record.kind == "norm" and record.settings["kind"] == "batch" and record.name not in frozen
    ]
