"""What a run does about a step whose loss or gradients are not finite."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kresnet.spec.base import Document

_Times = Annotated[int, Field(strict=True, ge=1, le=1000)]


class Stop(Document):
    """End the run, naming the step and the first layer that is not finite."""

    kind: Literal["stop"]


class Skip(Document):
    """Leave the step out: its images and its place in the schedule pass, nothing else changes."""

    kind: Literal["skip"]
    at_most_in_a_row: _Times = 10
    """End the run when more steps than this in a row would have to be left out."""


class Rollback(Document):
    """Go back to the last checkpoint that was due by its step, and on from there with a lower learning rate."""

    kind: Literal["rollback"]
    learning_rate_factor: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.1
    """What the learning rate of all steps to come is multiplied by, each time."""
    at_most: _Times = 3
    """End the run when it would have to go back more often than this."""


NonFinite = Annotated[Stop | Skip | Rollback, Field(discriminator="kind")]
