"""Which number a run is judged by, and when it stops because that number no longer gets better."""

from __future__ import annotations

from pydantic import Field, model_validator

from kresnet.spec.base import Document, NonNegative
from kresnet.spec.recipe.durations import Epochs, Whole, require_one_unit
from kresnet.spec.recipe.metrics import LossMetric, Metric


class EarlyStopping(Document):
    """End the run when a metric of the images to validate on, measured after each epoch, stopped getting better."""

    metric: Metric = Field(default_factory=lambda: LossMetric(kind="loss"))
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
