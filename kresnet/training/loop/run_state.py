"""How far a run is: what its checkpoints hold beside the variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kresnet.plan.convolutions import kernels_as_dict
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.loop.early_stopping import EarlyStoppingState
from kresnet.training.loop.non_finite_guard import NonFiniteGuard
from kresnet.training.loop.throughput import Throughput


class RunState:
    """How far a run is.

    Attributes:
        epoch_steps: number of updates in an epoch.
        total_steps: number of updates in the run.
        step: number of updates made.
        seconds: time in training steps since the run began.
        line: the line of history of the last epoch that ended; empty before.
        best: step, epoch, split and value of the metric that the recipe keeps the best network by; None before.
        stopped: whether a callback has ended the run, be it in the middle of an epoch.
        throughput: of the epoch so far.
        stopping: state of early stopping; None where the recipe has none.
        guard: what was done about steps that were not finite.
    """

    def __init__(self, run: ResolvedRun) -> None:
        self.epoch_steps, self.total_steps = run.steps.epoch_steps, run.steps.total_steps
        self.step, self.seconds = 0, 0.0
        self.line: dict[str, Any] = {}
        self.best: dict[str, Any] | None = None
        self.stopped = False
        self.throughput = Throughput()
        self.stopping = EarlyStoppingState(**run.steps.early_stopping) if run.steps.early_stopping else None
        self.guard = NonFiniteGuard(run.recipe)
        self._kernels = kernels_as_dict(run.devices.kernels)

    @property
    def at_end(self) -> bool:
        """Whether the run has taken its last step, and its last epoch has been evaluated."""
        stopped = self.stopped or (self.stopping is not None and self.stopping.stopped)
        return (self.step == self.total_steps or stopped) and not self.epoch_open

    @property
    def epoch_open(self) -> bool:
        """Whether an epoch's steps are done, but not its evaluation; the last epoch may be cut short."""
        ended = self.step % self.epoch_steps == 0 or self.step == self.total_steps or self.stopped
        return self.step > 0 and ended and self.line.get("step") != self.step

    @property
    def epoch(self) -> int:
        """Number of the epoch that the last step belongs to, from 1."""
        return -(-self.step // self.epoch_steps)

    @property
    def epochs_ended(self) -> int:
        """Number of epochs that have ended; one that an earlier, shorter length cut short goes on."""
        step = self.line.get("step", 0)
        cut_short = step % self.epoch_steps > 0 and step < self.total_steps and not self.stopped
        return int(self.line.get("epoch", 0)) - cut_short

    def facts(self) -> dict[str, Any]:
        """Return the state for a checkpoint, JSON-ready; with the kernels of convolutions, on which its bits depend."""
        facts: dict[str, Any] = {"seconds": self.seconds, "line": self.line, "best": self.best}
        facts |= {"non_finite": self.guard.facts(), "pace": self.throughput.sums()}
        if self.stopping:
            facts["early_stopping"] = self.stopping.facts()
        if self.stopped:
            facts["stopped_by_callback"] = True
        if self._kernels:
            facts["kernels"] = self._kernels
        return facts

    def restore(self, step: int, facts: Mapping[str, Any]) -> None:
        """Set the state to that of a checkpoint.

        Args:
            step: number of updates made.
            facts: what `facts` returned.
        """
        self.step = step
        self.seconds, self.line, self.best = facts["seconds"], facts["line"], facts["best"]
        self.guard.restore(facts["non_finite"])
        self.throughput.restore(facts["pace"])
        if self.stopping and "early_stopping" in facts:  # a changed recipe may have it since
            self.stopping.restore(facts["early_stopping"])
        self.stopped = facts.get("stopped_by_callback", False)


__all__ = ["RunState"]
