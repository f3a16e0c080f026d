"""What a tracker does: begin, take metrics and files, and end."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What a tracker is told of a run.

    Attributes:
        directory: the run's directory.
        parameters: the resolved recipe, flat, by dotted names: numbers, texts and flags; and `spec`.
        step: number of updates made.
        epoch: number of epochs that have ended.
    """

    directory: Path
    parameters: Mapping[str, Any]
    step: int
    epoch: int

    @property
    def name(self) -> str:
        """Name of the run: that of its directory."""
        return self.directory.resolve().name


class RunTracker(abc.ABC):
    """One place where a run is shown. Whatever its methods raise is told once, and training goes on.

    Attributes:
        within_run: whether all that it writes lies in the run's directory and is cut with the history, so that nothing
            need be noted of what it has.
    """

    within_run = False

    @abc.abstractmethod
    def begin(self, run: TrackedRun, known: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to show a run, or go on with it.

        Args:
            run: the run.
            known: what this method returned when the run was begun, from its `trackers.json`; empty for a new one.

        Returns:
            JSON-ready values by which the run is found again: its name at a server, say.
        """

    @abc.abstractmethod
    def log(self, metrics: Mapping[str, float], step: int, epoch: int | None) -> None:
        """Take metrics, such as `train/loss`.

        Args:
            metrics: the metrics by name.
            step: number of updates made.
            epoch: number of epochs that have ended, counted from 1; None for what was measured within a step.
        """

    def add_file(self, path: Path) -> None:  # noqa: B027 - a tracker need not take files
        """Take a file of the run."""

    def end(self, *, finished: bool) -> None:  # noqa: B027 - nor need it be told
        """End for this process; the run is `finished`, or may be continued."""

    def roll_back(self, step: int, epoch: int) -> None:  # noqa: B027 - most keep what was measured
        """Be told that the run goes on from an earlier step, so that later ones come again with other values."""


__all__ = ["RunTracker", "TrackedRun"]
