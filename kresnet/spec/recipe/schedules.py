"""The learning rate over time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kresnet.spec.base import Document, Fraction, NonNegative, Positive


class Cosine(Document):
    """Half a cosine from the peak to `final_fraction` of it (Loshchilov and Hutter 2017, arXiv:1608.03983)."""

    kind: Literal["cosine"]
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""
    final_fraction: Fraction = 0.0
    """Last learning rate over the peak."""


class Step(Document):
    """Multiply by `factor` at each of `at_epochs`."""

    kind: Literal["step"]
    at_epochs: tuple[Positive, ...] = Field(min_length=1, max_length=100)
    """Epochs after which the learning rate falls; rising."""
    factor: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.1
    """By how much."""
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""


class Constant(Document):
    """The peak learning rate throughout."""

    kind: Literal["constant"]
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""


Schedule = Annotated[Cosine | Step | Constant, Field(discriminator="kind")]
