"""How many images a step takes where the recipe leaves it to the memory there is: `batch_size: auto`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kresnet.errors import make_error
from kresnet.plan import Plan
from kresnet.plan.memory_estimate import MemoryEstimate, bytes_text, estimate_recipe_memory
from kresnet.spec.recipe import Recipe

#: Share of the memory that the estimate may fill: it leaves out the runtime and the input pipeline.
SHARE = 0.7
#: An epoch has at least so many steps: a larger batch would change the weights too seldom to learn much.
LEAST_STEPS = 16
#: Sizes are multiples of this many images a device, which kernels like; smaller ones are any number.
MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class ChosenBatchSize:
    """A batch size, and why it is no larger.

    Attributes:
        size: images a step, over all devices.
        reason: what bounds it.
        estimate: the memory that such a step takes on each device.
    """

    size: int
    reason: str
    estimate: MemoryEstimate

    def __str__(self) -> str:
        return f"{self.size} (auto: {self.reason}; a step takes about {bytes_text(self.estimate.total)})"


def choose_batch_size(
    plan: Plan,
    recipe: Recipe,
    images: int,
    fits: Callable[[int], bool],
    *,
    memory: int | None,
    replicas: int = 1,
    teacher: Plan | None = None,
) -> ChosenBatchSize:
    """Return the largest batch that the memory holds, by the plan's estimate and by steps that are tried.

    A batch is at most a sixteenth of the training images. The first to be tried is the largest by the estimate; where
    it does not fit after all, three quarters of it are, and so on.

    Args:
        plan: of the network.
        recipe: of the run, its precision settled.
        images: number of training images.
        fits: takes a step of so many images, and returns whether there was memory for it.
        memory: bytes of each device; None where unknown.
        replicas: number of devices that share a batch.
        teacher: the network that the run learns from.

    Raises:
        KresnetError: `too_large` where not even one image a device fits; `data_mismatch` where there are fewer images
            than devices.
    """
    unit = replicas * recipe.accumulate_steps

    def estimate(size: int) -> MemoryEstimate:
        settled = recipe.model_copy(update={"batch_size": size})
        return estimate_recipe_memory(plan, settled, replicas=replicas, teacher=teacher)

    bound, reason = max(images // LEAST_STEPS, unit), f"a sixteenth of {images:,} training images"
    if memory is not None:
        fitting = unit * max(1, estimate(unit).fitting(SHARE * memory))
        if fitting < bound:
            bound, reason = fitting, f"what fits into {bytes_text(memory)}"
    size = _rounded(bound, unit)
    while not fits(size):
        if size == unit:
            message = f"Not even a step of {unit} images fits into memory."
            raise make_error("too_large", message, path="recipe.batch_size", found=str(estimate(unit)),
                             remedy="recipe.rematerialize, or a smaller network")  # fmt: skip
        reason, size = f"a step of {size} did not fit into memory", _rounded(3 * size // 4, unit)
    return ChosenBatchSize(size, reason, estimate(size))


def _rounded(size: int, unit: int) -> int:
    """Round down to what the devices can share evenly, in multiples that kernels like where there is room."""
    multiple = unit * MULTIPLE if size >= unit * MULTIPLE else unit
    return max(size // multiple * multiple, unit)


__all__ = ["ChosenBatchSize", "choose_batch_size"]
