"""The status of runs in a folder: finished, running, stopped or broken, and how far; read without TensorFlow."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kresnet.data.description import selection_split
from kresnet.data.order import steps_per_epoch
from kresnet.errors import KresnetError, make_error
from kresnet.plan.resolved_recipe import total_steps
from kresnet.runs.checkpoints import DamagedCheckpoint, read_checkpoint
from kresnet.runs.failure_record import recorded_failure
from kresnet.runs.lock import is_held, names_writer
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.recipe import Best

State = Literal["running", "finished", "stopped", "broken"]


@dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    Attributes:
        name: path of its directory, relative to the folder that was listed.
        path: path of its directory.
        state: `running`: a process writes it; `finished`; `stopped`: `kresnet fit --resume` goes on; `broken`: it
            cannot be continued as it is.
        reason: why it stopped or is broken, as a code of `kresnet.errors`; `killed` if it could not say.
        step: number of updates whose outcome is on disk.
        steps: number of updates of the whole run; None where the recipe cannot be read.
        split: split that epochs are measured on: `validation`, or `test` in a run without one.
        metric: metric that the best epoch is told by.
        best: best value of that metric on that split; None before the end of the first epoch.
        best_epoch: epoch of that value.
    """

    name: str
    path: str
    state: State
    reason: str
    step: int
    steps: int | None
    split: str
    metric: str
    best: float | None
    best_epoch: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the status as a JSON-ready mapping."""
        return asdict(self)


def run_statuses(folder: Path) -> list[RunStatus]:
    """Return the status of each run in a folder, by name; or of the one run whose directory the folder is.

    Raises:
        KresnetError: `file_missing` if there is no such folder.
    """
    if not folder.is_dir():
        raise make_error(
            "file_missing", f"There is no folder {folder}.", remedy="kresnet runs DIR; by default DIR is runs"
        )
    paths = sorted(path.parent for path in folder.rglob("recipe.yaml") if not path.parent.name.startswith("."))
    names = ((path.name if path == folder else str(path.relative_to(folder)), path) for path in paths)
    return [run_status(path, name) for name, path in names]


def run_status(directory: Path, name: str, *, try_lock: bool = True) -> RunStatus:
    """Return the status of a run.

    Args:
        directory: the run directory.
        name: the name of the status.
        try_lock: whether the lock is tried, to see whether a process is writing the run; else it is only read.
    """
    run = RunDirectory(directory)
    criterion, total, problem = Best(), None, ""
    try:
        run = RunDirectory.open(directory)
        recipe = run.load_recipe().value
        default = Best(metric="accuracy" if run.load_spec().value.head.kind == "classifier" else "loss")
        total = total_steps(recipe, steps_per_epoch(run.data()["train_images"], recipe.images_per_step))
        criterion = recipe.checkpoints.keep_best or default
        result = run.read_result()
    except KresnetError as error:
        problem, result = error.problems[0].code, None
    except (KeyError, TypeError):  # of data.json, which is JSON but not what `fit` wrote
        problem, result = "run_missing", None
    epochs = _epoch_lines(run, criterion.metric.name)
    best = None
    for line in epochs:
        if math.isfinite(line["value"]) and (best is None or criterion.is_better(line["value"], best["value"])):
            best = line
    held = (is_held if try_lock else names_writer)(directory)
    state, reason = _state_and_reason(run, held=held, finished=result is not None and run.finished, problem=problem)
    return RunStatus(
        name=name,
        path=str(directory),
        state=state,
        reason=reason,
        step=max([run.newest_step(), *(line["step"] for line in epochs)]),
        steps=total,
        split=epochs[-1]["split"] if epochs else "test",
        metric=criterion.metric.name,
        best=best["value"] if best else None,
        best_epoch=best["epoch"] if best else None,
    )


def _state_and_reason(run: RunDirectory, *, held: bool, finished: bool, problem: str) -> tuple[State, str]:
    if problem:
        return "broken", problem
    if held:
        return "running", ""
    if finished:
        return "finished", ""
    paths = sorted(run.checkpoints.glob("step-*"))
    if paths and all(isinstance(read_checkpoint(path), DamagedCheckpoint) for path in reversed(paths)):
        return "broken", "checkpoint_invalid"
    return "stopped", str(recorded_failure(run).get("code", "killed"))


def _epoch_lines(run: RunDirectory, metric: str) -> list[dict[str, Any]]:
    """Return `epoch`, `step`, `split` and the metric's `value` of each epoch that has ended and has that value."""
    lines = []
    for value in run.history.lines():
        try:
            split = selection_split(value)
            measured = float(value[split][metric])
            lines.append({"epoch": int(value["epoch"]), "step": int(value["step"]), "split": split, "value": measured})
        except (ValueError, KeyError, TypeError):
            continue
    return lines
