"""Train the runs of a study that are missing, one or several at once; a run that fails does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kresnet.data.description import selection_split
from kresnet.errors import CODES, KresnetError, Problem, make_error, shell_word
from kresnet.files import translate_os_errors
from kresnet.runs.config_drift import config_changes, data_changes
from kresnet.runs.failure_record import recorded_failure
from kresnet.runs.lock import RunLock, is_held
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import may_be_begun_anew
from kresnet.study.eta import Eta
from kresnet.study.fit_process import FitProcess
from kresnet.study.journal import Journal
from kresnet.study.planned_runs import PlannedRun
from kresnet.study.resources import RunResources, split_resources
from kresnet.study.study_plan import StudyPlan
from kresnet.training.loop.progress import clock_text
from kresnet.training.loop.signals import StopSignals

Log = Callable[[str], None]

#: Seconds between two looks at the runs under way.
_POLL_SECONDS = 0.5


@dataclass
class RunOutcome:
    """What has become of one run of the study.

    Attributes:
        run: the planned run.
        state: `finished`, `stopped` (begun, and can go on), `failed`, or `missing` (not begun).
        problem: the error that ended a `failed` run; else None.
    """

    run: PlannedRun
    state: Literal["finished", "stopped", "failed", "missing"]
    problem: Problem | None = None


@dataclass
class _Active:
    """A run that is being trained, and the part of the machine that it uses."""

    outcome: RunOutcome
    process: FitProcess
    resources: RunResources
    epochs_logged: int = field(default=0)  # epochs of its history that have been logged


def run_outcomes(runs: Iterable[PlannedRun], directory: Path) -> list[RunOutcome]:
    """Return the outcome of every run of the study in `directory`, as its own directory shows it.

    Raises:
        KresnetError: `run_changed`, a problem for each difference: a run was begun with other documents than the
            study's, or its data were others than those of a run that is to be compared with it.
    """
    by_run: list[RunOutcome] = []
    problems: list[Problem] = []
    data_of: dict[str, RunDirectory] = {}  # the first run on the same data, by what the recipe says of them
    for run in runs:
        trained = RunDirectory(directory / run.folder)
        if not (trained.path / "recipe.yaml").is_file():
            by_run.append(RunOutcome(run, "missing"))
            continue
        if not may_be_begun_anew(trained):
            problems += _drift_problems(run, trained)
            problems += _data_problems(data_of.setdefault(_data_key(run), trained), trained)
        if run.is_done(trained.path):
            by_run.append(RunOutcome(run, "finished"))
        elif (ended := recorded_failure(trained)) and ended["code"] in CODES and ended["code"] != "interrupted":
            problem = (ended["code"], ended.get("message", ""), ended.get("path", ""))
            by_run.append(RunOutcome(run, "failed", Problem(*problem, remedy=ended.get("remedy", ""))))
        else:
            by_run.append(RunOutcome(run, "stopped"))
    if problems:
        raise KresnetError(problems)
    return by_run


def _data_key(run: PlannedRun) -> str:
    """Return what runs on the same data have in common; which images are held out depends on the seed as well."""
    data = run.recipe.data
    drawn = data.fold is not None or isinstance(data.validation, float)
    return data.model_dump_json() + (f" seed {run.seed}" if drawn else "")


def _drift_problems(planned: PlannedRun, run: RunDirectory) -> Iterator[Problem]:
    """Each difference between the documents of the study and those that the run was begun with."""
    remedy = f"change the study back; another -o; or rm -r {shell_word(run.path)}, to train it anew"
    for change in config_changes(run.original_config(), planned.run.documents()):
        message = f"{run.path} was trained otherwise than the study now says."
        yield Problem(
            "run_changed", message, change.path, expected=str(change.now), found=str(change.before), remedy=remedy
        )


def _data_problems(first: RunDirectory, run: RunDirectory) -> Iterator[Problem]:
    """Each difference between the data of two runs that were to be trained on the same data."""
    for change in data_changes(first.data(), run.data()):
        message = f"{run.path} was trained on other data than {first.path}: the files changed in between."
        remedy = f"rm -r {shell_word(first.path)} {shell_word(run.path)}, to train both anew; or another -o"
        yield Problem(
            "run_changed", message, change.path, expected=str(change.before), found=str(change.now), remedy=remedy
        )


def run_missing(plan: StudyPlan, directory: Path, jobs: int, command: str, log: Log) -> list[RunOutcome]:
    """Train the runs of a study that are not finished.

    Args:
        plan: the study.
        directory: the directory of the study, which holds its runs.
        jobs: how many runs are trained at once.
        command: the command that was typed, for the journal.
        log: called with each message for the user.

    Returns:
        The outcome of every run; `stopped` and `missing` occur only after a signal to stop.

    Raises:
        KresnetError: `run_changed`, before anything is trained, or where data changed meanwhile; `run_locked`,
            `bad_option`, `not_writable`.
    """
    resources = split_resources(jobs)
    all_outcomes = run_outcomes(plan.runs(), directory)
    directory.mkdir(parents=True, exist_ok=True)
    with RunLock(directory, log), StopSignals(log) as stop:
        loop, began = RunLoop(directory, all_outcomes, resources, stop, log), time.monotonic()
        try:
            loop.run()
        finally:
            if loop.processes:
                loop.journal.record_call(command, jobs, loop.processes, time.monotonic() - began)
    run_outcomes(plan.runs(), directory)  # refuses results of runs whose data changed in between
    return all_outcomes


class Claims:
    """Which runs this process trains, where several processes, on any machines, share those of a directory.

    A claim is a lock, so that one that was killed leaves none behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, RunLock] = {}

    def take(self, name: str) -> bool:
        """Claim a run by its name; return whether no other process has it."""
        folder = self._folder / name
        with translate_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = RunLock(folder, lambda _: None)
        try:
            lock.__enter__()
        except KresnetError as error:
            if error.problems[0].code != "run_locked":
                raise
            return False
        self._held[name] = lock
        return True

    def release(self, name: str) -> None:
        """Give up a claim."""
        self._held.pop(name).__exit__(None, None, None)


class RunLoop:
    """Starts runs as resources come free, logs their epochs, and passes a request to stop on to them.

    Attributes:
        journal: the journal of the study's directory.
        processes: number of processes that were started.
    """

    def __init__(
        self,
        directory: Path,
        all_outcomes: list[RunOutcome],
        resources: list[RunResources],
        stop: StopSignals,
        log: Log,
        claims: Claims | None = None,
    ) -> None:
        self.claims, self.elsewhere = claims, list[RunOutcome]()
        self.directory, self.stop, self.log, self.journal = directory, stop, log, Journal(directory)
        self.free_resources = list(resources)
        self.waiting = [each for each in all_outcomes if each.state != "finished"]
        self.eta = Eta(each.run for each in self.waiting)
        self.active: list[_Active] = []
        self.count = len(all_outcomes)
        self.started = self.count - len(self.waiting)
        self.processes = 0
        self.stop_sent = False

    def run(self) -> None:
        """Train all that is waiting, until it is done or the user wants to stop."""
        if self.started:
            self.log(f"{self.started} of {self.count} runs have been trained before.")
        try:
            while self.active or ((self.waiting or self.elsewhere) and not self.stop.requested):
                while self.waiting and self.free_resources and not self.stop.requested:
                    self._start_if_free(self.waiting.pop(0))
                time.sleep(_POLL_SECONDS)
                if self.stop.requested and not self.stop_sent:
                    self.stop_sent = True
                    for each in self.active:
                        each.process.stop()
                for each in list(self.active):
                    self._poll(each)
                self._look_elsewhere()
        finally:  # left by a second Ctrl-C, or by an error: nothing is left running
            for each in self.active:
                each.process.kill()

    def _start_if_free(self, outcome: RunOutcome) -> None:
        if self.claims is None or self.claims.take(outcome.run.folder.name):
            if self.claims is not None and outcome.run.is_done(self.directory / outcome.run.folder):
                self.claims.release(outcome.run.folder.name)  # another process has finished it meanwhile
                outcome.state = "finished"
                return
            self._start(outcome)
        else:
            self.log(f"{outcome.run.name}: another process is training it.")
            self.elsewhere.append(outcome)

    def _look_elsewhere(self) -> None:
        """Take note of the runs that other processes have finished, and of those that they gave up."""
        for outcome in list(self.elsewhere):
            name = outcome.run.folder.name
            assert self.claims is not None
            done = outcome.run.is_done(self.directory / outcome.run.folder)
            if done or self.claims.take(name):
                self.elsewhere.remove(outcome)
                if done:
                    outcome.state = "finished"
                    self.eta.record_end(outcome.run)
                else:
                    self.claims.release(name)
                    self.waiting.append(outcome)

    def _start(self, outcome: RunOutcome) -> None:
        run, resources = outcome.run, self.free_resources.pop(0)
        target = self.directory / run.folder
        if is_held(target):  # by what a killed study left behind, which saves its state and ends
            self.log(f"{run.name}: another process is still writing it; waiting.")
            while is_held(target) and not self.stop.requested:
                time.sleep(_POLL_SECONDS)
        self.started += 1
        goes_on = (target / "recipe.yaml").is_file() and not may_be_begun_anew(RunDirectory(target))
        outcome.state, outcome.problem = "stopped", None
        arguments = ["--resume", str(target)] if goes_on else run.arguments(target)
        self.log(f"[{self.started}/{self.count}] {run.name}: {'continuing' if goes_on else 'starting'}")
        arguments += run.pause_arguments()
        process = FitProcess(arguments, self.directory / "logs" / run.log_name, resources)
        before = RunDirectory(target).history.epochs()
        if before:
            self.eta.record_step(run, before[-1]["step"], now=False)
        self.active.append(_Active(outcome, process, resources, len(before)))
        self.processes += 1

    def _poll(self, active: _Active) -> None:
        run = active.outcome.run
        ended = active.process.ended
        lines = RunDirectory(self.directory / run.folder).history.epochs()
        for line in lines[active.epochs_logged :]:
            self.eta.record_step(run, line["step"])
            self.log(f"{run.name}: epoch {line['epoch']}: {_metrics_text(line)}{self._time_left_text()}")
        active.epochs_logged = len(lines)
        if not ended:
            return
        state, problem = active.process.outcome()
        if state == "stopped" and run.is_done(self.directory / run.folder):
            state = "finished"
        active.outcome.state, active.outcome.problem = state, problem
        self.journal.record_process(run.identity, state, active.process.command, active.process.seconds)
        if problem:
            self.log(f"{run.name}: failed: {problem.message} [{problem.code}] The others go on.")
        else:
            paused = state == "finished" and run.pause_after is not None
            self.log(f"{run.name}: {f'paused after epoch {run.pause_after}' if paused else state}")
        self.eta.record_end(run)
        if self.claims is not None:
            self.claims.release(run.folder.name)
        self.active.remove(active)
        self.free_resources.append(active.resources)

    def _time_left_text(self) -> str:
        seconds = self.eta.remaining_seconds()
        return f"; about {clock_text(seconds)} left" if seconds else ""


def _metrics_text(line: dict[str, Any]) -> str:
    split = selection_split(line)
    names = "accuracy" if "accuracy" in line[split] else "loss"
    values = f"train {names} {line['train'][names]:.4f}, {split} {names} {line[split][names]:.4f}"
    return f"{values}, {line['images_per_second']:.0f} images/s"


def incomplete_error(all_outcomes: Sequence[RunOutcome], command: str) -> KresnetError | None:
    """Make the error of an incomplete study, if it is one: `interrupted` if it was stopped, else `study_incomplete`."""
    states = [each.state for each in all_outcomes]
    if "stopped" in states or "missing" in states:
        message = f"Stopped with {states.count('finished')} of {len(states)} runs trained; what was begun is saved."
        return make_error("interrupted", message, remedy=command)
    if failed := [each for each in all_outcomes if each.state == "failed"]:
        names = ", ".join(each.run.name for each in failed)
        message = f"{len(failed)} of {len(states)} runs failed: {names}."
        return make_error("study_incomplete", message, remedy=f"see their logs; then the same again: {command}")
    return None
