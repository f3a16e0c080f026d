"""The time until a study is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kresnet.study.planned_runs import PlannedRun


class Eta:
    """An estimate of the time left: the multiply-accumulates to come over the speed since the study was started.

    Deep and shallow networks differ in speed, so the estimate improves as runs are trained.
    """

    def __init__(self, runs: Iterable[PlannedRun], clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock; `runs` are those that have not finished."""
        self._left = {run.name: float(run.variant.cost) for run in runs if run.variant.images}
        self._done, self._clock = 0.0, clock
        self._began = clock()

    def record_step(self, run: PlannedRun, step: int, now: bool = True) -> None:
        """Record that a run has reached a step; `now` says whether this call of the study trained up to it."""
        if not run.variant.images:
            return
        fraction_done = min(step * run.recipe.images_per_step / run.variant.images, 1.0)
        before, left = self._left[run.name], (1.0 - fraction_done) * run.variant.cost
        self._left[run.name] = left
        self._done += (before - left) * now

    def record_end(self, run: PlannedRun) -> None:
        """Record that a run has ended, so that no more work of it is left."""
        self._left.pop(run.name, None)

    def remaining_seconds(self) -> float | None:
        """Seconds from now to the end of the study, or None before the first epoch has ended."""
        left = sum(self._left.values())
        return left * (self._clock() - self._began) / self._done if self._done else None
