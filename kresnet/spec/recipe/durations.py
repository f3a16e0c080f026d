"""Durations: a number of epochs, steps or examples, stated in exactly one of the three; the field's name says which."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StrictFloat, StrictInt

from kresnet.spec.base import contradiction_error

#: What a duration may be counted in; `examples` are training images over all devices.
UNITS = ("epochs", "steps", "examples")


def _none_if_zero(value: Any) -> Any:
    return value or None


Epochs = Annotated[Annotated[StrictFloat, Field(ge=0, le=100_000)] | None, AfterValidator(_none_if_zero)]
Whole = Annotated[Annotated[StrictInt, Field(ge=0, le=10**15)] | None, AfterValidator(_none_if_zero)]


def stated_duration(model: BaseModel, prefix: str = "") -> tuple[str, Any] | None:
    """Return unit and value of the duration whose fields are named `prefix` + unit; None if no unit is stated."""
    for unit in UNITS:
        if (value := getattr(model, prefix + unit)) is not None:
            return unit, value
    return None


def require_one_unit(model: BaseModel, prefix: str = "", *, optional: bool = False) -> None:
    """Raise a validation error unless exactly one unit of a duration is stated, or none of an `optional` one."""
    fields = [prefix + unit for unit in UNITS]
    given = [field for field in fields if getattr(model, field) is not None]
    if len(given) > 1:
        message = f"{' and '.join(f'`{field}`' for field in given)} state one duration in {len(given)} units"
        raise contradiction_error(given[-1], message, remedy=f"keep one, and set the other to null: {given[0]}: null")
    if not given and not optional:
        message = f"A duration is missing: state `{fields[0]}`, `{fields[1]}` or `{fields[2]}`"
        raise contradiction_error(fields[0], message)


def duration_in_steps(unit: str, value: float, epoch_steps: int, batch_size: int) -> int:
    """Return a duration in whole steps, at least one.

    Args:
        unit: one of `UNITS`.
        value: how many of them.
        epoch_steps: steps of one epoch.
        batch_size: examples of one step, over all devices.
    """
    steps = {"epochs": value * epoch_steps, "steps": value, "examples": value / batch_size}[unit]
    return max(1, round(steps))
