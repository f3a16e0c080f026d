"""Early stopping: a run ends when its metric on the images to validate on no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.spec.recipe.metrics import Metric


@dataclass
class EarlyStoppingState:
    """The state of early stopping. It is saved in checkpoints, so that a resumed run stops at the same step.

    Attributes:
        metric: what is watched.
        patience: number of steps without a better value after which the run ends.
        min_delta: least improvement that counts as better.
        best: best value so far; None before the first.
        best_step: step that the best value was measured after.
        stopped: whether the run is to end.
    """

    metric: Metric
    patience: int
    min_delta: float
    best: float | None = None
    best_step: int = 0
    stopped: bool = False

    def observe(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Record the metrics that were measured after `step`, and return whether the run is to end."""
        value = metrics[self.metric.name]
        if math.isfinite(value) and (self.best is None or self._gain(value, self.best) > self.min_delta):
            self.best, self.best_step = value, step
        self.stopped = step - self.best_step >= self.patience
        return self.stopped

    def _gain(self, value: float, best: float) -> float:
        return best - value if self.metric.lower_is_better else value - best

    def facts(self) -> dict[str, Any]:
        """Return the state for a checkpoint, JSON-ready."""
        return {"best": self.best, "best_step": self.best_step, "stopped": self.stopped}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Set the state to one that `facts` returned."""
        self.best, self.best_step, self.stopped = facts["best"], facts["best_step"], facts["stopped"]

    def sentence(self) -> str:
        """Return a sentence that says why the run ends."""
        if self.best is None:
            return f"No {self.metric.name} that is a number in {self.patience} steps."
        return f"No better {self.metric.name} than {self.best:.4g}, of step {self.best_step}, in {self.patience} steps."
