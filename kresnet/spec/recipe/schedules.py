"""The learning rate over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kresnet.registry import Registry
from kresnet.spec.base import Count, Fraction, Positive, contradiction_error
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.recipe.durations import Epochs, Whole, duration_in_steps, require_one_unit, stated_duration

OpenFraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
Moments = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=100)]
WholeMoments = Annotated[tuple[Count, ...], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class RunSteps:
    """How long a run is.

    Attributes:
        total: its steps.
        epoch: steps of an epoch.
        batch_size: images of a step.
    """

    total: int
    epoch: int
    batch_size: int

    def of(self, duration: tuple[str, Any]) -> int:
        """Return a duration, its unit and value, in steps."""
        return duration_in_steps(*duration, self.epoch, self.batch_size)


class Schedule(OpenUnion):
    """The learning rate over time."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.schedules")

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """Return the shape of the learning rate after warm-up, and what it needs, in steps and shares of the peak."""
        return self.kind, self.model_dump(exclude={"kind", *WarmUp.model_fields})


class WarmUp(Schedule):
    """What most schedules share: smaller learning rates to begin with."""

    warmup_epochs: Epochs = None
    """Epochs until the learning rate reaches its peak; or state `warmup_steps` or `warmup_examples`."""
    warmup_steps: Whole = None
    """Warm-up in steps, instead of `warmup_epochs`."""
    warmup_examples: Whole = None
    """Warm-up in training images, instead of `warmup_epochs`."""
    warmup_from: Fraction = 0.0
    """Learning rate that warm-up begins with, over the peak."""
    warmup_shape: Literal["linear", "constant"] = "linear"
    """`linear`: rises step by step (Goyal et al. 2017, section 2.2); `constant`: stays at `warmup_from`, then jumps."""

    @model_validator(mode="after")
    def _one_unit(self) -> WarmUp:
        require_one_unit(self, "warmup_", optional=True)
        if self.warmup_shape == "constant" and not self.warmup_from:
            message = "A constant warm-up at learning rate 0 would not train"
            raise contradiction_error("warmup_from", message, remedy="warmup_from: 0.1")
        return self


@Schedule.register
class Constant(WarmUp):
    """The peak learning rate throughout."""

    kind: Literal["constant"]


@Schedule.register
class Step(WarmUp):
    """Multiply by `factor` again and again, after equal intervals."""

    kind: Literal["step"]
    every_epochs: Epochs = None
    """Epochs between two falls; or state `every_steps` or `every_examples`."""
    every_steps: Whole = None
    """Interval in steps, instead of `every_epochs`."""
    every_examples: Whole = None
    """Interval in training images, instead of `every_epochs`."""
    factor: OpenFraction = 0.1
    """What the learning rate is multiplied by at each fall."""

    @model_validator(mode="after")
    def _one_interval(self) -> Step:
        require_one_unit(self, "every_")
        return self

    @property
    def stated_falls(self) -> tuple[str, tuple[Any, ...]]:
        """Unit and moments that are stated, here the first one."""
        unit, value = stated_duration(self, "every_") or ("epochs", 0)
        return unit, (value,)

    def drop_steps(self, run: RunSteps) -> tuple[int, ...]:
        """Return the steps before which the learning rate falls, up to the end of the run."""
        unit, (value,) = self.stated_falls
        every = run.of((unit, value))
        return tuple(range(every, run.total, every))

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """See `Schedule.in_steps`."""
        return "falls", {"at_steps": self.drop_steps(run), "factor": self.factor}


@Schedule.register
class MultiStep(WarmUp):
    """Multiply by `factor` at each of the stated moments."""

    kind: Literal["multi_step"]
    at_epochs: Moments | None = None
    """Epochs after which the learning rate falls, rising; or state `at_steps` or `at_examples`."""
    at_steps: WholeMoments | None = None
    """Moments in steps, instead of `at_epochs`."""
    at_examples: WholeMoments | None = None
    """Moments in training images, instead of `at_epochs`."""
    factor: OpenFraction = 0.1
    """What the learning rate is multiplied by at each fall."""

    @model_validator(mode="after")
    def _rising(self) -> MultiStep:
        require_one_unit(self, "at_")
        for field in ("at_epochs", "at_steps", "at_examples"):
            moments = getattr(self, field)
            if moments and list(moments) != sorted(set(moments)):
                raise contradiction_error(field, f"`{field}` must rise from each moment to the next")
        return self

    @property
    def stated_falls(self) -> tuple[str, tuple[Any, ...]]:
        """Unit and moments that are stated."""
        return stated_duration(self, "at_") or ("epochs", ())

    def drop_steps(self, run: RunSteps) -> tuple[int, ...]:
        """Return the steps before which the learning rate falls, up to the end of the run."""
        unit, moments = self.stated_falls
        steps = (run.of((unit, moment)) for moment in moments)
        return tuple(step for step in steps if step < run.total)

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """See `Schedule.in_steps`."""
        return "falls", {"at_steps": self.drop_steps(run), "factor": self.factor}


@Schedule.register
class Cosine(WarmUp):
    """Half a cosine from the peak to `final_fraction` of it (Loshchilov and Hutter 2017, arXiv:1608.03983)."""

    kind: Literal["cosine"]
    final_fraction: Fraction = 0.0
    """Last learning rate over the peak."""

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """See `Schedule.in_steps`."""
        return self.kind, {"final": self.final_fraction}


@Schedule.register
class Polynomial(WarmUp):
    """From the peak to `final_fraction` of it, as `(1 - progress) ** power`."""

    kind: Literal["polynomial"]
    power: Positive = 1.0
    """1 falls on a straight line; You et al. 2017 (arXiv:1708.03888) use 2."""
    final_fraction: Fraction = 0.0
    """Last learning rate over the peak."""

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """See `Schedule.in_steps`."""
        return self.kind, {"power": self.power, "final": self.final_fraction}


@Schedule.register
class OneCycle(Schedule):
    """Up to the peak, then down far below the start: super-convergence (Smith and Topin 2017, arXiv:1708.07120).

    Defaults and shape are those of PyTorch's `OneCycleLR`, without its cycle of momentum. The rise is its warm-up.
    """

    kind: Literal["one_cycle"]
    rise_fraction: OpenFraction = 0.3
    """Share of the run in which the learning rate rises."""
    initial_fraction: OpenFraction = 0.04
    """First learning rate over the peak."""
    final_fraction: Fraction = 4e-6
    """Last learning rate over the peak."""
    shape: Literal["cosine", "linear"] = "cosine"
    """How the learning rate rises and falls."""

    def in_steps(self, run: RunSteps) -> tuple[str, dict[str, Any]]:
        """See `Schedule.in_steps`."""
        fractions = {"initial": self.initial_fraction, "final": self.final_fraction}
        return self.kind, {"rise_fraction": self.rise_fraction, **fractions, "curve": self.shape}
