"""What has become of the runs in a folder, read without TensorFlow and without touching them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kresnet.data.order import steps_per_epoch
from kresnet.errors import KresnetError, make_error
from kresnet.plan.resolved_recipe import total_steps
from kresnet.runs.checkpoints import Damaged, read
from kresnet.runs.lock import is_held
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.recipe import Best

State = Literal["running", "finished", "stopped", "broken"]


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        name: its directory, as seen from the folder that was listed.
        path: its directory.
        state: `running`: a process writes it; `finished`; `stopped`: `kresnet fit --resume` goes on; `broken`: it
            cannot be continued as it is.
        reason: why it stopped or is broken, as a code of `kresnet.errors`; `killed` if it could not say.
        step: updates whose outcome is on disk.
        steps: updates of the whole run; None where the recipe cannot be read.
        metric: what the best epoch is chosen by.
        best: its best value on the test images, None before the first epoch's end.
        best_epoch: the epoch of that value.
    """

    name: str
    path: str
    state: State
    reason: str
    step: int
    steps: int | None
    metric: str
    best: float | None
    best_epoch: int | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_statuses(folder: Path) -> list[RunStatus]:
    """The runs in a folder, or the one that it is itself, in the order of their names.

    Raises:
        KresnetError: `file_missing` if there is no such folder.
    """
    if not folder.is_dir():
        raise make_error(
            "file_missing", f"There is no folder {folder}.", remedy="kresnet runs DIR; by default DIR is runs"
        )
    found = sorted(path.parent for path in folder.rglob("recipe.yaml") if not path.parent.name.startswith("."))
    names = ((path.name if path == folder else str(path.relative_to(folder)), path) for path in found)
    return [run_status(path, name) for name, path in names]


def run_status(directory: Path, name: str) -> RunStatus:
    """How the run in `directory`, to be called `name`, stands."""
    run = RunDirectory(directory)
    wanted, total, problem = Best(), None, ""
    try:
        run = RunDirectory.open(directory)
        recipe = run.load_recipe().value
        judged = Best(metric="accuracy" if run.load_spec().value.head.kind == "classifier" else "loss")
        total = total_steps(recipe, steps_per_epoch(run.data()["train_images"], recipe.batch_size))
        wanted = recipe.checkpoints.keep_best or judged
        result = run.finished()
    except KresnetError as error:
        problem, result = error.problems[0].code, None
    except (KeyError, TypeError):  # of data.json, which is JSON but not what `fit` wrote
        problem, result = "run_missing", None
    epochs = _epochs(run, wanted.metric)
    best = None
    for line in epochs:
        value = line["test"][wanted.metric]
        if math.isfinite(value) and (best is None or wanted.better(value, best["test"][wanted.metric])):
            best = line
    state, reason = _state(run, finished=result is not None, problem=problem)
    return RunStatus(
        name=name,
        path=str(directory),
        state=state,
        reason=reason,
        step=max([run.newest_step(), *(line["step"] for line in epochs)]),
        steps=total,
        metric=wanted.metric,
        best=best["test"][wanted.metric] if best else None,
        best_epoch=best["epoch"] if best else None,
    )


def _state(run: RunDirectory, *, finished: bool, problem: str) -> tuple[State, str]:
    if problem:
        return "broken", problem
    if is_held(run.path):
        return "running", ""
    if finished:
        return "finished", ""
    paths = sorted(run.checkpoints.glob("step-*"))
    if paths and all(isinstance(read(path), Damaged) for path in reversed(paths)):
        return "broken", "checkpoint_invalid"
    return "stopped", str(run.ended().get("code", "killed"))


def _epochs(run: RunDirectory, metric: str) -> list[dict[str, Any]]:
    """The history's lines that end an epoch."""
    found = []
    for value in run.lines():
        try:
            float(value["test"][metric])
            found.append({"epoch": int(value["epoch"]), "step": int(value["step"]), "test": value["test"]})
        except (ValueError, KeyError, TypeError):
            continue
    return found
