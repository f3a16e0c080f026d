"""A running average of the weights."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from kresnet.spec.base import Document, Flag
from kresnet.spec.recipe.durations import Epochs, Whole, require_one_unit


class Ema(Document):
    """An exponential moving average of all weights, moving statistics of batch norm too, which is what is evaluated.

    `average <- d * average + (1 - d) * weights` after each step (Polyak and Juditsky 1992); `model.keras` holds it.
    """

    decay: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.9999
    """d, the share of the average that a step keeps."""
    warmup: Flag = True
    """d rises to `decay` as (1 + t) / (10 + t), t counting steps since the average began, as in TensorFlow."""
    start_epochs: Epochs = None
    """Epochs until the average begins; before, it is the weights. Or state `start_steps` or `start_examples`."""
    start_steps: Whole = None
    """Start of the average in steps, instead of `start_epochs`."""
    start_examples: Whole = None
    """Start of the average in training images, instead of `start_epochs`."""

    @model_validator(mode="after")
    def _one_start(self) -> Ema:
        require_one_unit(self, "start_", optional=True)
        return self
