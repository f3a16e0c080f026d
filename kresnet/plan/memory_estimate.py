"""How much memory training (or prediction) takes, from the plan alone and before anything is allocated.

What is counted, in bytes:

- weights: 4 a parameter (always float32), as much again for a running average of them, and 2 more a kernel number under
  bfloat16 or float16, for the copy that is multiplied;
- gradients: 4 a trainable parameter, and 4 more for their sum where a batch is worked through in parts;
- optimizer slots: 4 a trainable parameter and slot (SGD and LARS 1 with momentum, 0 without; AdamW, LAMB, RMSprop 2);
- activations kept for the backward pass, each tensor once however many layers read it, at the precision computed in:
  the input of every convolution, dense layer and norm; the output of an activation whose derivative is computed from it
  (relu, sigmoid, tanh...), else its input; both inputs of a product; input and output of a maximum's pool; a mask of
  one byte a number for dropout. An addition, a pad, a blur and an average pool keep nothing. Of a stage that is
  rematerialised only what its blocks hand on, and once more all that the largest such block keeps, while it is computed
  again;
- working: the largest tensor twice, since a gradient is computed from one of the same size, and again once for what the
  convolution of it reorders.

The memory of the TensorFlow runtime itself (some 500 MB) and of input pipelines is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path

from kresnet.errors import make_error
from kresnet.plan.kinds import record_kind
from kresnet.plan.records import Plan, Record
from kresnet.plan.segments import segments
from kresnet.spec.recipe import Lars, Optimizer, Recipe, Sgd

_FLOAT32, _HALF = 4, 2


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes that a training step holds at once, for one batch on one device.

    Where gradients are accumulated, the batch is one of the `accumulate_steps` that a step adds up.

    Attributes:
        batch_size: number of inputs of the batch.
        weights: bytes of all weights, with their copies in 16 bits where the network computes in 16 bits.
        gradients: bytes of the gradients of the trainable weights.
        optimizer: bytes of what the optimizer keeps for the trainable weights.
        activations: bytes that are kept for the backward pass.
        working: bytes of three tensors of the size of the largest one, for the operation under way.
        accumulate_steps: number of batches whose gradients a step adds up.
    """

    batch_size: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    working: int
    accumulate_steps: int = 1

    @property
    def total(self) -> int:
        """Bytes of all kinds together."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.working

    @property
    def fixed(self) -> int:
        """Bytes that do not depend on the size of the batch."""
        return self.total - self.activations - self.working

    @property
    def each(self) -> float:
        """Bytes of each input of the batch."""
        return (self.activations + self.working) / self.batch_size

    def fitting(self, available: float) -> int:
        """Return how many inputs a batch of such a step may have in so many bytes; 0 where not even one fits."""
        return max(0, int((available - self.fixed) / self.each)) if self.each else 0

    def as_dict(self) -> dict[str, int]:
        """Return the estimate as JSON-ready values; `parts` is the number of accumulated steps."""
        values = asdict(self)
        return values | {"parts": values.pop("accumulate_steps"), "total": self.total}

    def __str__(self) -> str:
        parts = {name: value for name, value in asdict(self).items() if name not in ("batch_size", "accumulate_steps")}
        return (
            ", ".join(f"{name} {bytes_text(value)}" for name, value in parts.items() if value)
            + f"; {bytes_text(self.total)} in all"
        )


def estimate_memory(
    plan: Plan,
    batch_size: int,
    *,
    precision: str = "float32",
    optimizer_slots: int = 1,
    training: bool = True,
    accumulate_steps: int = 1,
    rematerialize: Collection[int] = (),
) -> MemoryEstimate:
    """Return the memory of one step.

    Args:
        plan: the network.
        batch_size: inputs computed at once on one device.
        precision: `float32`, `bfloat16` or `float16` (of activations; weights are float32).
        optimizer_slots: numbers that the optimizer keeps for each trainable parameter.
        training: whether there is a backward pass; a forward pass keeps only what it works on.
        accumulate_steps: number of such batches whose gradients are added up, one after the other.
        rematerialize: stages, counted from 1, whose blocks the backward pass computes again.
    """
    width = _FLOAT32 if precision == "float32" else _HALF
    largest = max(prod(record.shape) for record in plan.records) * batch_size * width
    cast = _HALF * plan.trainable if width == _HALF else 0
    weights = _FLOAT32 * (plan.trainable + plan.non_trainable) + cast
    if not training:
        return MemoryEstimate(batch_size, weights, 0, 0, 0, 3 * largest)
    each = _FLOAT32 * plan.trainable
    activations = _activations(plan, width, rematerialize) * batch_size
    gradients = each * (2 if accumulate_steps > 1 else 1)
    return MemoryEstimate(
        batch_size, weights, gradients, each * optimizer_slots, activations, 3 * largest, accumulate_steps
    )


def activations_by_record(plan: Plan, *, precision: str = "float32") -> dict[str, int]:
    """Return the bytes of each record's output, by name, that are kept for the backward pass of one input.

    They add up to the activations of `estimate_memory`, where no stage is rematerialised.
    """
    width = _FLOAT32 if precision == "float32" else _HALF
    found: dict[str, int] = {}
    for name, size in _tensor_sizes(plan, _all_kept(plan, width)).items():
        record = name.removesuffix(_MASK)
        found[record] = found.get(record, 0) + size
    return found


def _all_kept(plan: Plan, width: int) -> dict[str, int]:
    """Tensors kept for the backward pass, and the bytes of each of their numbers."""
    return {name: each for record in plan.records for name, each in _kept_for_backward(record, width)}


def _tensor_sizes(plan: Plan, kept: Mapping[str, int]) -> dict[str, int]:
    """Bytes of the tensors, of one input."""
    return {name: prod(plan.by_name[name.removesuffix(_MASK)].shape) * each for name, each in kept.items()}


def _activations(plan: Plan, width: int, rematerialize: Collection[int]) -> int:
    """Bytes kept for the backward pass of one input."""
    kept = _all_kept(plan, width)
    again = [segment for segment in segments(plan, rematerialize) if segment.recomputed] if rematerialize else []
    for segment in again:
        kept |= dict.fromkeys(segment.inputs, width)
    sizes = _tensor_sizes(plan, kept)
    inside = [
        sum(size for name, size in sizes.items() if name.removesuffix(_MASK) in segment.inner_names)
        for segment in again
    ]
    return sum(sizes.values()) - sum(inside) + max(inside, default=0)


def estimate_recipe_memory(
    plan: Plan, recipe: Recipe, *, replicas: int = 1, teacher: Plan | None = None
) -> MemoryEstimate:
    """Return the memory of one training step under a recipe, on each of `replicas` devices that share its batch.

    Args:
        plan: the network.
        recipe: how it is trained.
        replicas: number of devices.
        teacher: the network that it learns from, which computes forward alone.
    """
    precision = "float32" if recipe.precision == "auto" else recipe.precision  # the larger of what `auto` may become
    estimate = estimate_memory(
        plan,
        -(-recipe.images_per_step // (replicas * recipe.accumulate_steps)),
        precision=precision,
        optimizer_slots=slots_per_weight(recipe.optimizer),
        accumulate_steps=recipe.accumulate_steps,
        rematerialize=recipe.rematerialize,
    )
    average = _FLOAT32 * (plan.trainable + plan.non_trainable) if recipe.ema else 0
    estimate = replace(estimate, weights=estimate.weights + average)
    if teacher is None:
        return estimate
    taught = estimate_memory(teacher, estimate.batch_size, precision=precision, training=False)
    working = estimate.working + taught.working
    return replace(estimate, weights=estimate.weights + taught.weights, working=working)


def slots_per_weight(optimizer: Optimizer) -> int:
    """Return how many numbers the optimizer keeps for each trainable parameter."""
    if isinstance(optimizer, Sgd | Lars):
        return int(optimizer.momentum > 0)
    return 2


_MASK = " mask"


def _kept_for_backward(record: Record, width: int) -> Iterator[tuple[str, int]]:
    """What the record's backward pass needs: the tensor's record, and bytes for each of its numbers."""
    for what in record_kind(record).kept_for_backward(record):
        match what:
            case "inputs":
                yield from ((name, width) for name in record.inputs)
            case "output":
                yield record.name, width
            case "mask":
                yield record.name + _MASK, 1


def available_memory() -> int | None:
    """Return the bytes that are free on this machine, or left by its control group; None where unknown."""
    answers = [answer for answer in (_meminfo(), _control_group(), _free_pages()) if answer is not None]
    return min(answers, default=None)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration, IndexError):
        return None


def _control_group() -> int | None:
    """A container's own limit (cgroup 2, then 1), less what it uses and could not drop."""
    for folder, limit, used in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        group = Path("/sys/fs/cgroup") / folder
        try:
            allowed, taken = (int((group / name).read_text(encoding="ascii")) for name in (limit, used))
            stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
        return max(0, allowed - taken + int(stat.get("inactive_file", 0)))
    return None


def _free_pages() -> int | None:
    """Where there is no /proc (macOS): all of the machine's memory, for want of a better answer."""
    if Path("/proc/meminfo").exists():
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def require_memory(
    estimate: MemoryEstimate, available: int | None, *, holder: str = "this machine has left", replicas: int = 1
) -> None:
    """Make sure that an estimate fits into the available memory; if that is unknown, everything fits.

    Args:
        estimate: what each of the devices that share a batch needs.
        available: bytes of memory.
        holder: ends the sentence "which is what ...".
        replicas: number of devices that share a batch.

    Raises:
        KresnetError: `too_large`, with the figures.
    """
    if available is None or estimate.total <= available:
        return
    fitting = estimate.fitting(available)
    remedy = (
        f"--set recipe.batch_size={fitting * estimate.accumulate_steps * replicas}"
        if fitting >= 1
        else "a smaller network"
    )
    if fitting >= 1 and (parts := _fitting_accumulate_steps(estimate, available)):
        remedy += f", or --set recipe.accumulate_steps={parts}"
    batch = (
        f"{estimate.accumulate_steps} times {estimate.batch_size}"
        if estimate.accumulate_steps > 1
        else estimate.batch_size
    )
    raise make_error(
        "too_large",
        f"A batch of {batch} needs about {bytes_text(estimate.total)} of memory.",
        expected=f"at most {bytes_text(available)}, which is what {holder}",
        found=str(estimate),
        remedy=f"{remedy}, or go on all the same with --force",
    )


def _fitting_accumulate_steps(estimate: MemoryEstimate, available: int) -> int | None:
    """The least number of equal parts of the batch, one of which would fit, gradients added up."""
    whole = estimate.batch_size * estimate.accumulate_steps
    sums = estimate.gradients if estimate.accumulate_steps == 1 else 0
    fixed, each = estimate.fixed + sums, estimate.each
    fits = (
        parts for parts in range(2, whole + 1) if whole % parts == 0 and fixed + each * (whole // parts) <= available
    )
    return next(fits, None)


def bytes_text(number: int) -> str:
    """Return a number of bytes in binary units: `1.4 GiB`."""
    for factor, unit in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= factor:
            return f"{number / factor:.3g} {unit}" if number < 1000 * factor else f"{number / factor:.0f} {unit}"
    return f"{number} B"


__all__ = [
    "MemoryEstimate",
    "activations_by_record",
    "available_memory",
    "bytes_text",
    "estimate_memory",
    "estimate_recipe_memory",
    "require_memory",
    "slots_per_weight",
]
