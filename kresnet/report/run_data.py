"""What a run left on disk, gathered as plain data; no TensorFlow, and nothing of the run is touched."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kresnet.data.description import SPLITS
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.evaluation.evaluation import Evaluation, NotEvaluated
from kresnet.files import replace_non_finite
from kresnet.plan import Plan
from kresnet.report.history import EpochRecord, GradientSeries, RunHistory, read_history
from kresnet.runs.failure_record import recorded_failure
from kresnet.runs.live_progress import LiveProgress, read_log, read_progress
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_status import RunStatus, run_status
from kresnet.spec.architecture import Spec
from kresnet.spec.document import dump
from kresnet.spec.recipe import Recipe
from kresnet.weights.transfer import Transfer

#: Evaluates a run on its test images, see `kresnet.evaluation.evaluate`, or says why not.
EvaluateRun = Callable[[RunDirectory], Evaluation | NotEvaluated]

#: Codes with which a run ends that only has to be continued.
_PAUSED = ("interrupted", "killed", "peer_lost")

#: Seconds without a word after which a run under way is said to be silent.
SILENT_SECONDS = 120.0
#: Lines of its log that a page shows.
LOG_LINES = 12


@dataclass(frozen=True)
class RunData:
    """One run.

    Attributes:
        label: its name on the page; unique among the runs of a page.
        directory: its run directory.
        status: whether it runs, stopped or finished, and how far it came.
        problem: the error that ended it, as `Problem.as_dict` has it; empty if there was none.
        spec, recipe, plan: the network that it trains, and how.
        data: names of classes, numbers of images and the fingerprint of its data.
        environment: versions, machine and command of its first start.
        result: contents of `result.json`; None before the end.
        transfer: the weights that it started from; None for fresh ones.
        changes: differences of documents or environment that a resumed run accepted.
        history: its epochs and measurements.
        evaluation: of its model on the test images, or why there is none.
        progress: how far a run under way is, as it last wrote; None for any other run.
        log: the last lines of what it has said, oldest first.
    """

    label: str
    directory: RunDirectory
    status: RunStatus
    problem: dict[str, Any]
    spec: Spec
    recipe: Recipe
    plan: Plan
    data: dict[str, Any]
    environment: dict[str, Any]
    result: dict[str, Any] | None
    transfer: Transfer | None
    changes: tuple[str, ...]
    history: RunHistory
    evaluation: Evaluation | NotEvaluated
    progress: LiveProgress | None = None
    log: tuple[str, ...] = ()

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """All epochs that have ended."""
        return self.history.epochs

    @property
    def gradients(self) -> GradientSeries | None:
        """Gradient norms over time; None if the run did not record them."""
        return self.history.gradients

    @property
    def failed(self) -> bool:
        """Whether the run was ended by an error, rather than by a request or a kill."""
        return self.status.state in ("stopped", "broken") and self.status.reason not in _PAUSED

    @cached_property
    def test(self) -> dict[str, float | None]:
        """The newest metrics of the test images: of the evaluated model, else of the run's end, else of an epoch.

        Empty while a run with images to validate on has not come to its end.
        """
        if isinstance(self.evaluation, Evaluation):
            return dict(self.evaluation.metrics)
        if self.status.state == "finished" and self.result and isinstance(self.result.get("test"), dict):
            return dict(replace_non_finite(self.result["test"]))
        return dict(self.epochs[-1].test) if self.epochs else {}

    @property
    def validation(self) -> dict[str, float | None]:
        """The metrics of the images to validate on after the last epoch; empty in a run without them."""
        return dict(self.epochs[-1].validation) if self.epochs else {}

    @property
    def headline(self) -> str:
        """Name of the metric that comes first: accuracy of a classifier, else the absolute error."""
        return "accuracy" if self.plan.probabilities else "absolute_error"

    @property
    def command(self) -> str:
        """The command that started the run."""
        command = self.environment.get("command")
        return shlex.join(map(str, command)) if isinstance(command, list) else ""

    @property
    def documents(self) -> dict[str, str]:
        """Spec and recipe as YAML, every default written out."""
        return {"spec.yaml": dump(self.spec.document()), "recipe.yaml": dump(self.recipe.document())}

    def is_silent(self) -> bool:
        """Return whether a run under way has not told for a while how far it is."""
        return self.progress is not None and time.time() - self.progress.written > SILENT_SECONDS

    def with_live_files(self) -> RunData:
        """Return the same run with what it tells of itself between two epochs read again."""
        running = self.status.state == "running"
        told = read_progress(self.directory.progress) if running else None
        if running and told is None:
            told = self.progress  # half of the file was there
        return replace(self, progress=told, log=read_log(self.directory.log, LOG_LINES))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; pictures are left out."""
        return {
            "label": self.label,
            "directory": str(self.directory),
            "state": self.status.state,
            "reason": self.status.reason,
            "problem": self.problem,
            "steps": {"done": self.status.step, "of": self.status.steps},
            "progress": asdict(self.progress) if self.progress else None,
            "log": list(self.log),
            "spec": self.spec.document(),
            "recipe": self.recipe.document(),
            "plan": self.plan.as_dict(records=False),
            "data": self.data,
            "environment": self.environment,
            "result": replace_non_finite(self.result),
            "transfer": self.transfer.as_dict() if self.transfer else None,
            "changes": list(self.changes),
            "epochs": [epoch_dict(epoch) for epoch in self.epochs],
            "gradients": self.gradients.as_dict() if self.gradients else None,
            "batch_norm": [{"step": check.step, "norms": dict(check.norms)} for check in self.history.norm_checks],
            "examination": self.evaluation.as_dict(),
        }


def epoch_dict(epoch: EpochRecord) -> dict[str, Any]:
    """Return an epoch as JSON-ready values."""
    rest = ("epoch", "step", "learning_rate", "images_per_second", "input_wait", "seconds")
    splits = {name: dict(getattr(epoch, name)) for name in SPLITS}
    return {name: getattr(epoch, name) for name in rest} | {name: values for name, values in splits.items() if values}


def gather_run_data(directory: Path, label: str, evaluate: EvaluateRun | None) -> RunData:
    """Gather all that a page shows of the run in a directory.

    Args:
        directory: the run directory.
        label: the name of the run on the page.
        evaluate: evaluates the test images; None leaves them out. A problem of it is recorded in place of the result.

    Raises:
        KresnetError: `run_missing`, or what is wrong with its documents.
    """
    return gather_opened_run(RunDirectory.open(directory), label, evaluate)


def gather_opened_run(run: RunDirectory, label: str, evaluate: EvaluateRun | None, *, try_lock: bool = True) -> RunData:
    """Gather all that a page shows of a run, as `gather_run_data` does; its documents are read once.

    Args:
        run: the run.
        label: the name of the run on the page.
        evaluate: as for `gather_run_data`.
        try_lock: whether the run's lock is tried, to see whether it is under way; else it is only read.
    """
    origin, status = run.original_config(), run_status(run.path, label, try_lock=try_lock)
    return RunData(
        label=label,
        directory=run,
        status=status,
        problem=recorded_failure(run),
        spec=run.resolved.spec,
        recipe=run.resolved.recipe,
        plan=run.resolved.plan,
        data=origin["data"],
        environment=origin["environment"],
        result=run.read_result(),
        transfer=run.resolved.transfer,
        changes=tuple(run.accepted_changes()),
        history=read_history(run),
        evaluation=_evaluation(run, evaluate, status),
        progress=read_progress(run.progress) if status.state == "running" else None,
        log=read_log(run.log, LOG_LINES),
    )


def _evaluation(run: RunDirectory, evaluate: EvaluateRun | None, status: RunStatus) -> Evaluation | NotEvaluated:
    goes_on = "" if status.state == "running" else f"kresnet fit --resume {shell_word(run)}"
    if not (run.model.is_file() or run.best_model.is_file()):
        return NotEvaluated("The trained network is there at the end of the run.", goes_on)
    if not run.model.is_file() and "validation_images" in run.data():
        reason = "Nothing looks at the test images before the run has come to its end."
        return NotEvaluated(reason, goes_on)
    if evaluate is None:
        return NotEvaluated("The page was made with --no-evaluate.", f"kresnet report {shell_word(run)}")
    try:
        return evaluate(run)
    except KresnetError as error:
        problem = error.problems[0]
        # A report has no `--set`; what `evaluate` has takes the data from where they lie now.
        remedy = problem.remedy.replace("--set recipe.data.", f"kresnet evaluate {shell_word(run)} --set recipe.data.")
        return NotEvaluated(f"{problem.message} [{problem.code}]", remedy)


def run_labels(directories: Sequence[Path]) -> list[str]:
    """Return a short name for each run: that of its folder, or the whole path where two folders have the same name.

    Raises:
        KresnetError: `bad_option` if a run is named twice.
    """
    places = [directory.resolve() for directory in directories]
    for number, place in enumerate(places):
        if place in places[:number]:
            message = f"{directories[number]} is named twice."
            raise make_error("bad_option", message, remedy="name each run once")
    names = [place.name for place in places]
    return [
        name if names.count(name) == 1 else str(directory) for name, directory in zip(names, directories, strict=True)
    ]


__all__ = ["EvaluateRun", "RunData", "epoch_dict", "gather_opened_run", "gather_run_data", "run_labels"]
