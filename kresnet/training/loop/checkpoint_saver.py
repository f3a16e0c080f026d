"""When a run's state is saved, and what that costs it: a copy off the device; a thread does the writing."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from kresnet.plan.resolved_recipe import ResolvedRecipe
from kresnet.runs.background_writer import BackgroundWriter
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.spec.recipe import Checkpoints
from kresnet.training.step.engine import Engine


class CheckpointSaver:
    """Saves after every epoch, at the recipe's steps and minutes, and when asked.

    Without a store it only takes part in reading the state, some of which all workers read together; the chief writes.

    Attributes:
        saves: how many, since the run began.
        stalled: seconds that training waited for them, since the run began.
    """

    def __init__(self, store: CheckpointStore | None, wanted: Checkpoints, outline: ResolvedRecipe) -> None:
        self.store, self.wanted, self.outline = store, wanted, outline
        self.saves, self.stalled = 0, 0.0
        self._writer = BackgroundWriter()
        self._saved_at = time.monotonic()  # a clock that nobody sets back
        self._saved_step: int | None = None

    def continue_from(self, step: int, facts: Mapping[str, Any]) -> None:
        """Count on from a checkpoint that was restored."""
        self.saves, self.stalled = facts["saves"], facts["stalled"]
        self._saved_step = step

    def next_step(self, step: int) -> int:
        """The step, after `step`, at whose end the state is to be saved whatever the clock says."""
        periods = [self.outline.epoch_steps, self.wanted.save_every_steps]
        due = min((step // period + 1) * period for period in periods if period)
        return min(due, self.outline.total_steps) if step < self.outline.total_steps else due

    def by_step(self, step: int) -> bool:
        """Whether the state after `step` updates is to be saved whatever the clock says."""
        return step > 0 and self.next_step(step - 1) == step

    def last_by_step(self, step: int) -> int:
        """The last step up to this one after which the state was due to be saved; 0 before the first."""
        periods = [self.outline.epoch_steps, self.wanted.save_every_steps]
        return max(step // period * period for period in periods if period)

    def by_clock(self) -> bool:
        """Whether the recipe's minutes have passed since the state was last saved."""
        minutes = self.wanted.save_every_minutes
        return minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes

    def save(self, engine: Engine, step: int, facts: Mapping[str, Any], keep: Collection[int] = ()) -> None:
        """Copy the state, and have it written.

        Args:
            engine: whose variables to save.
            step: updates made.
            facts: JSON-ready state beside the variables.
            keep: steps whose checkpoints stay, however old.

        Raises:
            KresnetError: `disk_full` or `not_writable`, of this save or of the one before.
        """
        if step == self._saved_step:
            return
        began = time.perf_counter()
        self._writer.wait()  # so that at most one copy waits in memory
        arrays = engine.state()
        self.saves += 1
        self.stalled += time.perf_counter() - began
        if store := self.store:
            checkpoint = Checkpoint(step, arrays, {**facts, "saves": self.saves, "stalled": self.stalled})
            self._writer.start(lambda: store.save(checkpoint, keep))
        self._saved_at, self._saved_step = time.monotonic(), step

    def finish(self) -> None:
        """Return when what was saved is on disk.

        Raises:
            KresnetError: `disk_full` or `not_writable`.
        """
        began = time.perf_counter()
        self._writer.wait()
        self.stalled += time.perf_counter() - began

    def close(self) -> None:
        """Let a write that is under way end, whatever comes of it."""
        self._writer.close()
