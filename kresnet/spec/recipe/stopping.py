"""Which number a run is judged by, and when it stops because that number no longer gets better."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from kresnet.spec.base import Document, NonNegative
from kresnet.spec.recipe.durations import Epochs, Whole, require_one_unit

#: What is measured on test images; which of them a run has depends on its loss and its number of classes.
Metric = Literal["loss", "accuracy", "top_5_accuracy", "exact_match", "absolute_error"]

#: Metrics of which less is better.
LOWER_IS_BETTER = ("loss", "absolute_error")


class EarlyStopping(Document):
    """End the run when a metric of the test images, measured after each epoch, has stopped getting better."""

    metric: Metric = "loss"
    """The number to watch."""
    patience_epochs: Epochs = None
    """Epochs to wait for a better value; or state `patience_steps` or `patience_examples`."""
    patience_steps: Whole = None
    """Patience in steps, instead of `patience_epochs`."""
    patience_examples: Whole = None
    """Patience in training images, instead of `patience_epochs`."""
    min_delta: NonNegative = 0.0
    """Least improvement that counts as better."""

    @model_validator(mode="after")
    def _one_patience(self) -> EarlyStopping:
        require_one_unit(self, "patience_")
        return self
