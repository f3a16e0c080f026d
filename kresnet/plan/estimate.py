"""How much memory training (or prediction) takes, from the plan alone and before anything is allocated.

What is counted, in bytes:

- weights: 4 a parameter (always float32), and 2 more a kernel number under bfloat16, for the copy that is multiplied;
- gradients: 4 a trainable parameter;
- optimizer slots: 4 a trainable parameter and slot (SGD and LARS 1 with momentum, 0
  without; AdamW, LAMB and RMSprop 2);
- activations kept for the backward pass, each tensor once however many layers read it, at the precision computed in:
  the input of every convolution, dense layer and norm; the output of an activation whose derivative is computed from it
  (relu, sigmoid, tanh...), else its input; both inputs of a product; input and output of a maximum's pool; a mask of
  one byte a number for dropout. An addition, a pad and an average pool keep nothing;
- working: the largest tensor twice, since a gradient is computed from one of the same size, and again once for what the
  convolution of it reorders.

The memory of the TensorFlow runtime itself (some 500 MB) and of input pipelines is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from kresnet.errors import fail
from kresnet.plan.records import Plan, Record
from kresnet.spec.recipe import Lars, Optimizer, Recipe, Sgd

#: Activations whose derivative TensorFlow computes from their output; the others keep their input.
_FROM_OUTPUT = ("relu", "relu6", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh")

_FLOAT32, _BFLOAT16 = 4, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that a training step holds at once, for one batch on one device."""

    batch_size: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    working: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations + self.working

    def as_dict(self) -> dict[str, int]:
        return asdict(self) | {"total": self.total}

    def __str__(self) -> str:
        parts = {name: value for name, value in asdict(self).items() if name != "batch_size"}
        return (
            ", ".join(f"{name} {size(value)}" for name, value in parts.items() if value)
            + f"; {size(self.total)} in all"
        )


def estimate(
    plan: Plan, batch_size: int, *, precision: str = "float32", optimizer_slots: int = 1, training: bool = True
) -> Estimate:
    """Memory of one step.

    Args:
        plan: the network.
        batch_size: inputs a step on one device.
        precision: `float32` or `bfloat16` (of activations; weights are float32).
        optimizer_slots: numbers that the optimizer keeps for each trainable parameter.
        training: whether there is a backward pass; a forward pass keeps only what it works on.
    """
    width = _BFLOAT16 if precision == "bfloat16" else _FLOAT32
    largest = max(prod(record.shape) for record in plan.records) * batch_size * width
    cast = _BFLOAT16 * plan.trainable if width == _BFLOAT16 else 0
    weights = _FLOAT32 * (plan.trainable + plan.non_trainable) + cast
    if not training:
        return Estimate(batch_size, weights, 0, 0, 0, 3 * largest)
    gradients = _FLOAT32 * plan.trainable
    kept = {name: bytes_each for record in plan.records for name, bytes_each in _kept(record, width)}
    activations = sum(prod(plan.by_name[name.removesuffix(_MASK)].shape) * each for name, each in kept.items())
    return Estimate(batch_size, weights, gradients, gradients * optimizer_slots, activations * batch_size, 3 * largest)


def estimate_recipe(plan: Plan, recipe: Recipe, *, replicas: int = 1) -> Estimate:
    """Memory of one training step under a recipe, on each of `replicas` devices that share its batch."""
    precision = "float32" if recipe.precision == "auto" else recipe.precision  # the larger of what `auto` may become
    share = -(-recipe.batch_size // replicas)
    return estimate(plan, share, precision=precision, optimizer_slots=slots(recipe.optimizer))


def slots(optimizer: Optimizer) -> int:
    """Numbers that the optimizer keeps for each trainable parameter."""
    if isinstance(optimizer, Sgd | Lars):
        return int(optimizer.momentum > 0)
    return 2


_MASK = " mask"


def _kept(record: Record, width: int) -> Iterator[tuple[str, int]]:
    """What the record's backward pass needs: the tensor's record, and bytes for each of its numbers."""
    match record.kind:
        case "conv" | "dense" | "norm":
            yield record.inputs[0], width
        case "activation":
            own = record.settings["function"] in _FROM_OUTPUT
            yield record.name if own else record.inputs[0], width
        case "multiply":
            yield from ((name, width) for name in record.inputs)
        case "pool" | "global_pool" if record.settings["how"] == "max":
            yield record.inputs[0], width
            yield record.name, width
        case "dropout":
            yield record.name + _MASK, 1


def available_memory() -> int | None:
    """Bytes that this machine can still give: the free ones, or what its control group leaves; None where unknown."""
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


def check_fits(estimate: Estimate, available: int | None) -> None:
    """Refuse what cannot fit; an unknown amount of memory refuses nothing.

    Raises:
        KresnetError: `too_large`, with the figures.
    """
    if available is None or estimate.total <= available:
        return
    fixed = estimate.total - estimate.activations - estimate.working
    each = (estimate.activations + estimate.working) / estimate.batch_size
    fitting = int((available - fixed) / each) if each else 0
    remedy = f"--set recipe.batch_size={fitting}" if fitting >= 1 else "a smaller network"
    raise fail(
        "too_large",
        f"A batch of {estimate.batch_size} needs about {size(estimate.total)} of memory.",
        expected=f"at most {size(available)}, which is what this machine has left",
        found=str(estimate),
        remedy=f"{remedy}, or --force to go on all the same",
    )


def size(number: int) -> str:
    """Bytes in binary units: `1.4 GiB`."""
    for factor, unit in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= factor:
            return f"{number / factor:.3g} {unit}" if number < 1000 * factor else f"{number / factor:.0f} {unit}"
    return f"{number} B"


__all__ = ["Estimate", "available_memory", "check_fits", "estimate", "estimate_recipe", "size", "slots"]
