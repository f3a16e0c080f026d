"""Saving a run's state: when it is due, a copy off the device, and a thread that writes it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from kresnet.plan.resolved_recipe import ResolvedRecipe
from kresnet.runs.background_writer import BackgroundWriter
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.spec.recipe import Checkpoints
from kresnet.training.step.engine import Engine


class CheckpointSaver:
    """Saves a run's state after every epoch, at the steps and minutes that the recipe names, and when asked.

    Only the chief's saver has a store and writes. The other workers' savers read the state too, since some variables
    can only be read by all workers together.

    Attributes:
        store: where checkpoints are written; None on workers other than the chief.
        settings: the recipe's settings of checkpoints.
        resolved_recipe: lengths of an epoch and of the run, in steps.
        saves: number of saves since the run began.
        stalled: seconds that training has waited for saves since the run began.
    """

    def __init__(self, store: CheckpointStore | None, settings: Checkpoints, resolved_recipe: ResolvedRecipe) -> None:
        self.store, self.settings, self.resolved_recipe = store, settings, resolved_recipe
        self.saves, self.stalled = 0, 0.0
        self._writer = BackgroundWriter()
        self._saved_at = time.monotonic()  # a clock that nobody sets back
        self._saved_step: int | None = None

    def continue_from(self, step: int, facts: Mapping[str, Any]) -> None:
        """Continue the counts of a restored checkpoint.

        Args:
            step: the step of the checkpoint.
            facts: its state beside the variables.
        """
        self.saves, self.stalled = facts["saves"], facts["stalled"]
        self._saved_step = step

    def next_due_step(self, step: int) -> int:
        """Return the next step after `step` at whose end the state is to be saved, whatever the clock says."""
        periods = [self.resolved_recipe.epoch_steps, self.settings.save_every_steps]
        due = min((step // period + 1) * period for period in periods if period)
        return min(due, self.resolved_recipe.total_steps) if step < self.resolved_recipe.total_steps else due

    def due_at_step(self, step: int) -> bool:
        """Return whether the state after `step` updates is to be saved, whatever the clock says."""
        return step > 0 and self.next_due_step(step - 1) == step

    def last_due_step(self, step: int) -> int:
        """Return the last step, up to `step`, after which the state was due to be saved; 0 before the first."""
        periods = [self.resolved_recipe.epoch_steps, self.settings.save_every_steps]
        return max(step // period * period for period in periods if period)

    def due_by_clock(self) -> bool:
        """Return whether the recipe's minutes have passed since the state was last saved."""
        minutes = self.settings.save_every_minutes
        return minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes

    def save(
        self,
        engine: Engine,
        step: int,
        facts: Mapping[str, Any],
        keep: Collection[int] = (),
        arrays: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        """Copy the state of a run and start writing it; does nothing if the state of this step was saved already.

        Args:
            engine: the engine whose variables are saved.
            step: number of updates made.
            facts: JSON-ready state that is in no variable.
            keep: steps whose checkpoints stay, however old they are.
            arrays: arrays to save beside the engine's variables.

        Raises:
            KresnetError: `disk_full` or `not_writable`, of this save or of the one before.
        """
        if step == self._saved_step:
            return
        began = time.perf_counter()
        self._writer.wait()  # so that at most one copy waits in memory
        state = {**engine.state(), **arrays}
        self.saves += 1
        self.stalled += time.perf_counter() - began
        if store := self.store:
            checkpoint = Checkpoint(step, state, {**facts, "saves": self.saves, "stalled": self.stalled})
            self._writer.start(lambda: store.save(checkpoint, keep))
        self._saved_at, self._saved_step = time.monotonic(), step

    def finish(self) -> None:
        """Wait until what was saved is on disk.

        Raises:
            KresnetError: `disk_full` or `not_writable`.
        """
        began = time.perf_counter()
        self._writer.wait()
        self.stalled += time.perf_counter() - began

    def close(self) -> None:
        """Wait until a write that has started has ended, and ignore its errors."""
        self._writer.close()
