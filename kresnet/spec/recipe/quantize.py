"""Training for integers."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from kresnet.spec.base import Document
from kresnet.spec.recipe.durations import Epochs, Whole, require_one_unit


class Quantize(Document):
    """Round weights and activations in training as a file of integers will (Jacob et al. 2018, arXiv:1712.05877).

    From its start on, weights are rounded a channel at a time and activations within moving ranges, gradients pass as
    if nothing were, batch norms are folded as they will be served and their statistics stay as they are. What is
    measured after an epoch is then the rounded network; `kresnet export --weights int8` takes the ranges from training.
    """

    bits: Literal[8] = 8
    """Bits of weights and activations."""
    start_epochs: Epochs = None
    """Epochs before rounding begins, in which norms learn their statistics; or state `start_steps` or
    `start_examples`. A run that starts from trained weights may leave it out."""
    start_steps: Whole = None
    """Start of rounding in steps, instead of `start_epochs`."""
    start_examples: Whole = None
    """Start of rounding in training images, instead of `start_epochs`."""

    @model_validator(mode="after")
    def _one_start(self) -> Quantize:
        require_one_unit(self, "start_", optional=True)
        return self
