"""How long a study still takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kresnet.study.study_plan import PlannedRun


class Eta:
    """Multiply-accumulates that are left, by those that were done since the study was called.

    Deep networks and shallow ones differ in how many they do a second, so this is a guess that becomes better.
    """

    def __init__(self, runs: Iterable[PlannedRun], clock: Callable[[], float] = time.monotonic) -> None:
        """`runs`: that have not finished."""
        self._left = {run.name: float(run.variant.cost) for run in runs if run.variant.images}
        self._done, self._clock = 0.0, clock
        self._began = clock()

    def record_step(self, run: PlannedRun, step: int, now: bool = True) -> None:
        """A run is after so many steps; `now` if this call of the study has trained them."""
        if not run.variant.images:
            return
        share = min(step * run.recipe.batch_size / run.variant.images, 1.0)
        before, left = self._left[run.name], (1.0 - share) * run.variant.cost
        self._left[run.name] = left
        self._done += (before - left) * now

    def record_end(self, run: PlannedRun) -> None:
        """Nothing more comes of a run."""
        self._left.pop(run.name, None)

    def remaining_seconds(self) -> float | None:
        """From now to the end; None before an epoch has ended."""
        left = sum(self._left.values())
        return left * (self._clock() - self._began) / self._done if self._done else None
