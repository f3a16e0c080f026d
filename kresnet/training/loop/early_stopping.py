"""Whether a run still gets better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.spec.recipe.stopping import FALLING


@dataclass
class EarlyStoppingState:
    """Watches a metric of the test images; its facts are part of a checkpoint, so that a resumed run stops alike.

    Attributes:
        metric: name of the metric.
        patience: steps without a better value after which the run ends.
        min_delta: by how much a value must be better to count.
        best, best_step: the best value so far, and the step that it was measured after.
        stopped: whether the run has been ended.
    """

    metric: str
    patience: int
    min_delta: float
    best: float | None = None
    best_step: int = 0
    stopped: bool = False

    def observe(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Take note of what was measured after `step`; whether the run should end."""
        value = metrics[self.metric]
        if self.best is None or self._gain(value, self.best) > self.min_delta:
            self.best, self.best_step = value, step
        self.stopped = step - self.best_step >= self.patience
        return self.stopped

    def _gain(self, value: float, best: float) -> float:
        return best - value if self.metric in FALLING else value - best

    def facts(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {"best": self.best, "best_step": self.best_step, "stopped": self.stopped}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Set the state to what `facts` returned."""
        self.best, self.best_step, self.stopped = facts["best"], facts["best_step"], facts["stopped"]

    def sentence(self) -> str:
        """Why the run ends."""
        return f"No better {self.metric} than {self.best:.4g}, of step {self.best_step}, in {self.patience} steps."
