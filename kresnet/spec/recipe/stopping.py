"""Which number a run is judged by, and when it stops because that number no longer gets better."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from kresnet.spec.base import Document, NonNegative
from kresnet.spec.recipe.durations import Epochs, Whole, require_one_unit

#: What is measured on images to validate or to test on; which of them a run has depends on its loss and its number of
#: classes. The macro averages and balanced accuracy count each class alike, however few examples it has; AUROC, average
#: precision, R² and the likelihood need all outputs at once, and are measured after an epoch only where the recipe
#: names one of them.
Metric = Literal[
    "loss",
    "accuracy",
    "top_5_accuracy",
    "exact_match",
    "absolute_error",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "auroc_macro",
    "auroc_micro",
    "average_precision_macro",
    "average_precision_micro",
    "negative_log_likelihood",
    "quadratic_kappa",
    "r2",
]

#: Metrics that are means of a number that each example has.
EXAMPLE_METRICS = ("loss", "accuracy", "top_5_accuracy", "exact_match", "absolute_error")

#: Metrics of which less is better.
LOWER_IS_BETTER = ("loss", "absolute_error", "negative_log_likelihood")


class EarlyStopping(Document):
    """End the run when a metric of the images to validate on, measured after each epoch, stopped getting better."""

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
