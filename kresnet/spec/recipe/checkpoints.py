"""What a run saves, and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kresnet.spec.base import Count, Document, Positive
from kresnet.spec.recipe.metrics import AccuracyMetric, Metric


class Best(Document):
    """Which epoch's network is the best."""

    metric: Metric = Field(default_factory=lambda: AccuracyMetric(kind="accuracy"))
    """The number to judge by, measured on the images to validate on after each epoch; of two alike, the earlier."""

    def is_better(self, value: float, than: float) -> bool:
        """Return whether a value of the metric is better than another."""
        return value < than if self.metric.lower_is_better else value > than


class Checkpoints(Document):
    """When the state of a run is saved; the end of every epoch always is."""

    save_every_steps: Count | None = None
    """Save also in the middle of an epoch, whenever this many steps have passed."""
    save_every_minutes: Positive | None = None
    """Save also when this many minutes have passed since the state was last saved."""
    keep_last: Annotated[int, Field(strict=True, ge=1, le=1000)] = 2
    """How many checkpoints stay on disk."""
    keep_best: Best | None = None
    """Also keep the best epoch's network, as `best.keras`, like Keras's `ModelCheckpoint(save_best_only=True)`."""
