"""A search whose runs train nothing: a stand-in for the process of `kresnet fit` that writes what such a run leaves.

Accuracies are a function of the network and the epoch, so that what a search finds can be told beforehand; and a kill
may come at any moment, as an exception that nothing catches.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import Problem
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from kresnet.spec.loading import load_search
from kresnet.study import runner
from kresnet.study.search.runner import SearchRun
from kresnet.study.search.search_plan import SearchPlan, plan_search

#: Two widths and a rate; wider is better, and costs more.
DOCUMENT: dict[str, Any] = {
    "name": "tiny",
    "question": "Does it run?",
    "spec": "quickstart",
    "recipe": "quickstart",
    "set": {"recipe.data.validation": 0.2, "recipe.epochs": 3},
    "space": {
        "stem.width": {"int": [2, 16], "step": 2},
        "stages.*.width": {"int": [4, 16], "step": 4},
        "recipe.optimizer.learning_rate": {"log": [0.01, 1]},
    },
    "constraints": {"macs": "<= 400k"},
    "sampler": {"kind": "tpe", "startup_trials": 3},
    "trials": 6,
    "generation": 3,
    "halving": {"first_epochs": 1, "factor": 3},
}
DATA = DataDescription("abc", ("a", "b"), 7200, 1000, validation_images=1800)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def accuracy(plan: Any, rate: float, epoch: int) -> float:
    """Better with parameters and epochs, best at a rate of 0.1."""
    return round(1 - 1 / (1 + plan.trainable / 2000) - 0.2 * abs(rate - 0.1) - 0.3 / epoch, 6)


class FakeFit:
    """`FitProcess`, at its end as soon as it is begun.

    Attributes:
        moments: how many more epochs and processes there may be before the kill; None for no kill.
        failing: numbers of trials whose runs fail, and the code.
    """

    moments: int | None = None
    failing: dict[int, str] = {}  # noqa: RUF012 - a test replaces it
    started: list[list[str]] = []  # noqa: RUF012

    def __init__(self, arguments: list[str], log: Path, resources: Any) -> None:
        self.command, self.seconds, self.ended = ["kresnet", "fit", *arguments], 1.0, True
        FakeFit.started.append(list(arguments))
        self._state: str = "finished"
        pause = int(arguments[arguments.index("--pause-after") + 1]) if "--pause-after" in arguments else None
        if arguments[0] == "--resume":
            directory = Path(arguments[1])
            run = RunDirectory(directory).resolved
        else:
            directory = Path(arguments[arguments.index("-o") + 1])
            settings = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--set"]
            recipe = arguments[arguments.index("--recipe") + 1]
            run = resolve_run(arguments[0], recipe, settings)
            self._pass()
            create_run(RunDirectory(directory), replace(run, data=DATA), {})
        self._trial = int(directory.name)
        if self._trial in self.failing:
            self._state = "failed"
            return
        self._train(RunDirectory(directory), run, pause)

    def _train(self, directory: RunDirectory, run: Any, pause: int | None) -> None:
        def measured(epoch: int) -> dict[str, float]:
            value = accuracy(run.plan, run.recipe.optimizer.learning_rate, epoch)
            return {"accuracy": value, "loss": 1 - value}

        last, epochs = len(directory.history.epochs()), run.recipe.epochs
        for epoch in range(last + 1, epochs + 1):
            if pause is not None and epoch > pause:
                self._state = "stopped"
                return
            self._pass()
            line = {"epoch": epoch, "step": epoch * 90, "train": measured(epoch), "validation": measured(epoch)}
            directory.history.append(line | {"images_per_second": 100.0, "learning_rate": 0.1, "seconds": float(epoch)})
        self._pass()
        end = measured(epochs)
        test = {"accuracy": end["accuracy"] - 0.01, "loss": 1.0}
        directory.write_result({"epochs": epochs, "validation": end, "test": test, "seconds": float(epochs)})

    def _pass(self) -> None:
        if FakeFit.moments is not None:
            FakeFit.moments -= 1
            if FakeFit.moments < 0:
                raise Killed

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def outcome(self) -> tuple[str, Problem | None]:
        if self._state != "failed":
            return self._state, None
        return "failed", Problem(self.failing[self._trial], "It failed.")


def install(monkeypatch: pytest.MonkeyPatch) -> type[FakeFit]:
    """Have searches start no process."""
    monkeypatch.setattr(runner, "FitProcess", FakeFit)
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.0)
    FakeFit.moments, FakeFit.failing, FakeFit.started = None, {}, []
    return FakeFit


def search_plan(**changes: Any) -> SearchPlan:
    """The small search, changed."""
    return plan_search(load_search({**DOCUMENT, **changes}))


def run_search(directory: Path, plan: SearchPlan | None = None) -> SearchRun:
    """Run a search to its end."""
    run = SearchRun(plan or search_plan(), directory, 1, lambda _: None)
    try:
        assert run.run("kresnet search tiny.yaml")
    except Killed:
        for lock in run._claims._held.values():  # the system would release them
            os.close(lock._descriptor)
        raise
    return run


def run_with_kills(directory: Path, seed: int, plan: SearchPlan | None = None) -> tuple[SearchRun, int]:
    """Run a search that is killed again and again, each time a little later at most; and how often that was."""
    chance, kills = random.Random(seed), 0
    while True:
        FakeFit.moments = chance.randrange(2, 9)
        try:
            return run_search(directory, plan), kills
        except Killed:
            kills += 1


__all__ = [
    "DOCUMENT",
    "FakeFit",
    "accuracy",
    "install",
    "run_search",
    "run_with_kills",
    "search_plan",
]
