"""A run's trackers as callbacks of its loop: what they are told and when, and that they never stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from kresnet.data.description import SPLITS
from kresnet.errors import KresnetError
from kresnet.files import read_mapping, write_json
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.runs.run_directory import RunDirectory
from kresnet.runtime import require_extra
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.trackers import MlflowTracker, TensorBoardTracker, Tracker, WandbTracker
from kresnet.training.loop.event_files import STEP_TAGS
from kresnet.training.loop.trackers.mlflow import Mlflow
from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun
from kresnet.training.loop.trackers.tensorboard import TensorBoard
from kresnet.training.loop.trackers.wandb import Wandb

#: Rank of the last line that one step may have.
_LAST = 2

implement(TensorBoardTracker, lambda settings: TensorBoard())
implement(MlflowTracker, Mlflow)
implement(WandbTracker, Wandb)


class TrackerCallback(keras.callbacks.Callback):
    """Tells a tracker of a run: what began, what was measured, what is left at the end.

    Where the tracker fails, that is told once. What it missed it gets when the run ends or is continued: the history
    has it. So each line of the history reaches it once, however often the run is interrupted.

    Args:
        settings: the recipe's settings of the tracker.
        run: the run.
        directory: its directory, whose `trackers.json` keeps what the tracker knows it by.
        log: told what the user should know.
    """

    def __init__(
        self, settings: Tracker, run: ResolvedRun, directory: RunDirectory, log: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._settings, self._run, self._directory, self._log = settings, run, directory, log
        self._tracker: RunTracker = implementation(settings)(settings)
        self._begun, self._away, self._step = False, False, 0
        self._missed: list[dict[str, Any]] = []
        self._sent: tuple[int, int] | None = None  # what the tracker has: all up to this step and rank of line

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin, or go on; then tell what the history has and the tracker has not."""
        self._step = self.params["step"]
        self._attempt(self._begin)

    def on_measured(self, line: Mapping[str, Any]) -> None:
        """Tell what was measured in a step or after an epoch."""
        self._step = line["step"]
        if self._sent is None or _place(line) > self._sent:  # what was measured before an interruption comes again
            self._missed.append(dict(line))
        if not self._away:
            self._attempt(self._send)

    def on_rolled_back(self, step: int) -> None:
        """Go back with the run to an earlier step."""
        self._missed = [line for line in self._missed if line["step"] <= step]
        self._sent = None if self._sent is None else min(self._sent, (step, _LAST))
        if self._begun:
            self._attempt(lambda: self._tracker.roll_back(step, self._epochs_ended()))

    def on_train_end(self, logs: Any = None) -> None:
        """Hand over what is left, and end."""
        self._attempt(self._finish)

    def on_train_interrupted(self, reason: str) -> None:
        """End for now: the run may be continued."""
        if self._begun:
            self._attempt(lambda: self._tracker.end(finished=False))

    def _begin(self) -> None:
        known = read_mapping(self._directory.path / "trackers.json").get(self._settings.kind, {})
        parameters = {"spec": self._run.spec.name, **dict(flat(self._run.steps.as_dict()))}
        run = TrackedRun(self._directory.path, parameters, self._step, self._epochs_ended())
        shown = any(self._directory.tensorboard.glob("*tfevents*")) if self._tracker.within_run else False
        self._known = self._tracker.begin(run, known)
        self._begun = True
        if self._sent is None:
            self._sent = (self._step, _LAST) if shown else tuple(known.get("sent", (0, 0)))
        later = [line for line in self._missed if not _in_history(line)]
        self._missed = [line for line in self._directory.history.lines() if _place(line) > self._sent] + later
        if not known:
            for name in ("spec.yaml", "recipe.yaml", "plan.json"):
                self._tracker.add_file(self._directory.path / name)
        self._send()

    def _send(self) -> None:
        """Send the lines that the tracker has not, and note that it has them."""
        while self._missed:
            line = self._missed[0]
            self._tracker.log(metrics_of_line(line), line["step"], line.get("epoch"))
            self._missed.pop(0)
            self._sent = _place(line)
        self._note()

    def _finish(self) -> None:
        if not self._begun:
            self._begin()
        self._send()
        wanted = [self._directory.path / "report.html"]
        if getattr(self._settings, "model", False):
            wanted.append(self._directory.model)
        for path in wanted:
            if path.exists():
                self._tracker.add_file(path)
        self._tracker.end(finished=True)

    def _note(self) -> None:
        """Keep in the run's `trackers.json` what the tracker knows the run by, and what it has of it."""
        if not self._tracker.within_run:
            path = self._directory.path / "trackers.json"
            write_json(path, read_mapping(path) | {self._settings.kind: {**self._known, "sent": self._sent}})

    def _epochs_ended(self) -> int:
        lines = self._directory.history.epochs()
        return int(lines[-1]["epoch"]) if lines else 0

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do something that may fail; training goes on all the same."""
        try:
            work()
            self._away = False
        except KresnetError:  # a disk that is full ends the run in any case
            raise
        except Exception as error:
            if not self._away:
                reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
                self._log(
                    f"The tracker {self._settings.kind} fails, and training goes on without it: "
                    f"{type(error).__name__}: {reason[:300]}"
                )
            self._away = True


def make_trackers(run: ResolvedRun, directory: RunDirectory, log: Callable[[str], None]) -> list[TrackerCallback]:
    """Make the trackers that a run's recipe names."""
    return [TrackerCallback(settings, run, directory, log) for settings in run.recipe.trackers]


def require_tracker_packages(recipe: Recipe) -> None:
    """Make sure that the packages are installed that a recipe's trackers need.

    Raises:
        KresnetError: `environment`, naming them and how to install them.
    """
    for settings in recipe.trackers:
        if settings.extra:
            require_extra(settings.extra, f"The tracker {settings.kind}")


def metrics_of_line(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a line of history as trackers name them: `train/loss`, `gradients/delta/BLOCK`."""
    metrics = {name: line[name] for name in ("learning_rate", "images_per_second", "input_wait") if name in line}
    for split in SPLITS:
        metrics |= {f"{split}/{name}": value for name, value in line.get(split, {}).items()}
    for block, values in line.get("gradients", {}).get("blocks", {}).items():
        metrics |= {f"{STEP_TAGS}{name}/{block}": values[name] for name in ("delta", "weights")}
    return metrics


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested values with their dotted paths; lists of scalars are leaves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif (
        isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(each, Mapping) for each in value)
    ):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{path}.{index}")
    elif value is not None:
        yield path, list(value) if isinstance(value, tuple) else value


def _place(line: Mapping[str, Any]) -> tuple[int, int]:
    """Return the step of a measured line, and its rank among those of one step: in the step, of the epoch, the test."""
    return line["step"], 0 if "epoch" not in line else 1 if _in_history(line) else _LAST


def _in_history(line: Mapping[str, Any]) -> bool:
    """Tell whether a measured line is one of the history: all are, but that of the test at the end."""
    return "epoch" not in line or "train" in line


__all__ = ["TrackerCallback", "make_trackers", "metrics_of_line", "require_tracker_packages"]
