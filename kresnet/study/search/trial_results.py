"""What a trial has come to, read from its run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kresnet.data.description import selection_split
from kresnet.runs.run_directory import RunDirectory
from kresnet.study.search.generations import ProposedTrial
from kresnet.study.search.sampling import TrialScore
from kresnet.study.search.search_plan import SearchPlan, trial_folder


@dataclass(frozen=True)
class TrialResult:
    """A trial and what has become of it.

    Attributes:
        trial: the candidate.
        generation: number of its generation.
        state: `finished`; `left_out` by halving, or on the way (`open`), which only its generation tells apart;
            `failed`.
        epochs: how many it was trained.
        by_epoch: the metric of the images to validate on after each epoch.
        value: that metric at the end; None of a trial that has not finished.
        objectives: all objectives at the end, likewise.
        seconds: of training steps.
        problem: why it failed.
    """

    trial: ProposedTrial
    generation: int
    state: Literal["finished", "open", "failed"]
    epochs: int
    by_epoch: dict[int, float]
    value: float | None
    objectives: tuple[float, ...] | None
    seconds: float
    problem: Mapping[str, Any] | None
    rungs: tuple[int | None, ...]

    @property
    def number(self) -> int:
        """Number of the trial."""
        return self.trial.number

    def score(self) -> TrialScore:
        """Return what a sampler learns from the trial: the metric at the rungs, and the objectives at the end."""
        by_epoch = {epoch: self.by_epoch[epoch] for epoch in self.rungs if epoch in self.by_epoch}
        return TrialScore(self.trial.values, self.generation, self.objectives, by_epoch)

    def as_dict(self) -> dict[str, Any]:
        """Return the trial as JSON-ready values."""
        return {
            "trial": self.number,
            "generation": self.generation,
            "found_by": self.trial.found_by,
            "values": self.trial.values,
            "costs": self.trial.costs,
            "state": self.state,
            "epochs": self.epochs,
            "by_epoch": {str(epoch): value for epoch, value in self.by_epoch.items()},
            "value": self.value,
            "seconds": round(self.seconds, 2),
            **({"problem": dict(self.problem)} if self.problem else {}),
        }


def read_trial(
    plan: SearchPlan, generation: int, trial: ProposedTrial, directory: Path, failure: Mapping[str, Any] | None
) -> TrialResult:
    """Return what a trial has come to.

    Args:
        plan: the search.
        generation: number of its generation.
        trial: the candidate.
        directory: of the search.
        failure: the problem of a trial that failed for good.
    """
    run = RunDirectory(directory / trial_folder(trial.number))
    lines = run.history.epochs()
    by_epoch = {}
    for line in lines:
        value = line[selection_split(line)].get(plan.metric)
        if value is not None and math.isfinite(value):
            by_epoch[line["epoch"]] = value
    finished = run.finished and bool(lines)
    value = by_epoch.get(lines[-1]["epoch"]) if finished else None
    objectives = None
    if value is not None:
        objectives = (value, *(trial.costs[name] for name in plan.search.costs))
    return TrialResult(
        trial=trial,
        generation=generation,
        state="failed" if failure else "finished" if finished else "open",
        epochs=lines[-1]["epoch"] if lines else 0,
        by_epoch=by_epoch,
        value=value,
        objectives=objectives,
        seconds=lines[-1]["seconds"] if lines else 0.0,
        problem=failure,
        rungs=plan.rungs,
    )


__all__ = ["TrialResult", "read_trial"]
