"""Run a search: propose a generation, train its trials rung by rung, go on with the better ones, propose the next.

What is proposed depends on trials that have come to their end alone, and what goes on on the trials of its own
generation: so how many runs train at once, in how many processes, and where one was killed changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, shell_word
from kresnet.files import read_lines, translate_os_errors, write_text
from kresnet.plan.diff import setting_differences
from kresnet.spec.document import dump, read_document
from kresnet.study.journal import Journal
from kresnet.study.resources import split_resources
from kresnet.study.runner import Claims, Log, RunLoop, RunOutcome, run_outcomes
from kresnet.study.search.generations import Generation, MeasureLatency, propose
from kresnet.study.search.latency import LatencyTable
from kresnet.study.search.sampling import TrialScore
from kresnet.study.search.search_plan import PlannedTrial, SearchPlan
from kresnet.study.search.trial_results import TrialResult, read_trial
from kresnet.training.loop.signals import StopSignals

#: Seconds between two looks at a proposal that another process makes.
_POLL_SECONDS = 0.5
#: How often a trial that failed is tried again before it counts as failed.
_RETRIES = 1
#: Failures that would come again.
_FINAL = ("diverged",)
#: Settings that may differ from those that a search was begun with: more trials are more of the same.
_MAY_DIFFER = ("search.trials", "search.question", "search.source", "search.limits")


class SearchStopped(Exception):
    """The search was asked to stop; what was begun is saved."""


class SearchRun:
    """A search in its directory.

    Attributes:
        plan: the search.
        directory: holds everything of it.
        generations: the generations that were proposed so far.
    """

    def __init__(self, plan: SearchPlan, directory: Path, jobs: int, log: Log) -> None:
        """Make ready; nothing is written.

        Raises:
            KresnetError: `bad_option` for more jobs than cores.
        """
        self.plan, self.directory, self.log = plan, directory, log
        self.generations: list[Generation] = []
        self._resources = split_resources(jobs)
        self._claims = Claims(directory / "claims")
        self._journal, self._jobs = Journal(directory), jobs
        self._processes = 0

    def run(self, command: str) -> bool:
        """Run the search to its end; tell whether it got there.

        Args:
            command: what was typed, for the journal.

        Raises:
            KresnetError: `run_changed` if the directory is another search's; `budget_unmet`; `not_writable`.
        """
        self._begin()
        began = time.monotonic()
        with StopSignals(self.log) as self._stop:
            try:
                with contextlib.suppress(SearchStopped):
                    self._run_generations()
                    return True
                return False
            finally:
                if self._processes:
                    self._journal.record_call(command, self._jobs, self._processes, time.monotonic() - began)

    def read_generations(self) -> list[Generation]:
        """Read the generations that were proposed, in order."""
        self.generations = []
        for number in range(self.plan.generations):
            if (found := Generation.read(self.directory, number)) is None:
                break
            self.generations.append(found)
        return self.generations

    def results(self) -> list[TrialResult]:
        """Return what has become of all trials, by number."""
        failures = self._failures()
        return [
            read_trial(self.plan, generation.number, trial, self.directory, failures.get(trial.number))
            for generation in self.generations
            for trial in generation.trials
        ]

    def _begin(self) -> None:
        """Write down what is searched, or make sure that it is what was begun."""
        path = self.directory / "search.yaml"
        plan = self.plan
        documents = {"search": plan.search, "spec": plan.spec.value, "recipe": plan.recipe.value}
        present = {name: document.document() for name, document in documents.items()}
        if not path.is_file():
            with translate_os_errors(path):
                self.directory.mkdir(parents=True, exist_ok=True)
            write_text(path, dump(present))
            return
        begun = read_document(path).values
        before = {name: type(document).with_later_settings(begun.get(name)) for name, document in documents.items()}
        problems = [
            Problem("run_changed", f"{self.directory} holds another search: it differs from what was begun.",
                    each.path, expected=each.text("a"), found=each.text("b"), remedy="another -o")
            for each in setting_differences(before, present)
            if each.path not in _MAY_DIFFER
        ]  # fmt: skip
        if problems:
            raise KresnetError(problems)

    def _run_generations(self) -> None:
        self.generations = []
        for number in range(self.plan.generations):
            generation = Generation.read(self.directory, number) or self._propose(number)
            self.generations.append(generation)
            trials = [replace(self.plan.trial(each.number, each.values)) for each in generation.trials]
            self._train(generation, trials)
            if generation.exhausted:
                self.log(f"No further candidate was found after {sum(len(g.trials) for g in self.generations)} trials.")
                return

    def _propose(self, number: int) -> Generation:
        """Propose a generation, or wait for another process that does."""
        while not self._claims.take("proposal"):
            self._require_going()
            time.sleep(_POLL_SECONDS)
        try:
            if (made := Generation.read(self.directory, number)) is not None:
                return made
            rejected = [each for generation in self.generations for each in generation.rejected]
            with self._latencies() as measure:
                generation = propose(self.plan, number, self.scores(), rejected, measure)
            generation.write(self.directory)
        finally:
            self._claims.release("proposal")
        tally = generation.tally
        rate = f", {tally['drawn'] / tally['seconds']:,.0f} a second" if tally["seconds"] else ""
        self.log(
            f"Generation {number + 1} of {self.plan.generations}: {len(generation.trials)} trials of "
            f"{tally['drawn']:,} candidates{rate}"
        )
        return generation

    @contextlib.contextmanager
    def _latencies(self) -> Iterator[MeasureLatency | None]:
        """What measures latencies, where the search bounds them; its process ends with the block."""
        wanted = self.plan.search.constraints.latency_ms
        if wanted is None:
            yield None
            return
        table = LatencyTable(self.directory, wanted.batch)
        try:
            yield table.measure
        finally:
            table.close()

    def scores(self) -> list[TrialScore]:
        """Return what a sampler learns from: all trials of the generations so far."""
        return [result.score() for result in self.results()]

    def _train(self, generation: Generation, trials: Sequence[PlannedTrial]) -> None:
        """Train the trials of a generation, each rung's better ones further."""
        going = list(trials)
        for rung in self.plan.rungs:
            self._train_to([replace(each, pause_after=rung) for each in going])
            if rung is not None:
                results = {each.number: each for each in self.results()}
                going = survivors(self.plan, [(each, results[each.number].by_epoch.get(rung)) for each in going])

    def _train_to(self, runs: Sequence[PlannedTrial]) -> None:
        """Train runs to where they pause, or to their end; what fails is tried again, and then counts as failed."""
        for attempt in range(_RETRIES + 1):
            failures = self._failures()
            outcomes = run_outcomes([run for run in runs if run.number not in failures], self.directory)
            if all(each.state == "finished" for each in outcomes):
                return
            loop = RunLoop(self.directory, outcomes, self._resources, self._stop, self.log, self._claims)
            loop.run()
            self._processes += loop.processes
            self._require_going()
            for each in outcomes:
                if each.problem and (attempt == _RETRIES or each.problem.code in _FINAL):
                    self._record_failure(each)

    def _require_going(self) -> None:
        if self._stop.requested:
            raise SearchStopped

    def _failures(self) -> dict[int, dict[str, Any]]:
        """The trials that failed for good, by number, with the problem of each."""
        return {line["trial"]: line for line in read_lines(self.directory / "failures.jsonl") if "trial" in line}

    def _record_failure(self, outcome: RunOutcome) -> None:
        path = self.directory / "failures.jsonl"
        assert outcome.problem
        line = outcome.run.identity | {"code": outcome.problem.code, "message": outcome.problem.message}
        with translate_os_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines_of_calls(self) -> Iterator[dict[str, Any]]:
        """The calls of the search that have ended, as the journal has them."""
        return (line for line in self._journal.lines() if line.get("event") == "call")


def survivors(plan: SearchPlan, trials: Sequence[tuple[PlannedTrial, float | None]]) -> list[PlannedTrial]:
    """Return the trials that go on after a rung: one in `factor` of those that came so far, rounded up, the best."""
    assert plan.search.halving
    sign = -1.0 if plan.search.maximized[0] else 1.0
    ranked = sorted(
        ((sign * value, trial.number, trial) for trial, value in trials if value is not None),
        key=lambda each: each[:2],
    )
    return [trial for *_, trial in ranked[: -(-len(ranked) // plan.search.halving.factor)]]


def stopped_error(run: SearchRun, command: str) -> KresnetError:
    """Make the error of a search that was asked to stop."""
    done = sum(result.state != "open" for result in run.results())
    message = f"Stopped with {done} of {run.plan.search.trials} trials at their end; what was begun is saved."
    return make_error("interrupted", message, remedy=command)


def require_begun(directory: Path) -> None:
    """Make sure that a directory holds a search.

    Raises:
        KresnetError: `run_missing`.
    """
    if not (directory / "search.yaml").is_file():
        message = f"{directory} holds no search."
        raise make_error("run_missing", message, remedy=f"kresnet search SEARCH.yaml -o {shell_word(directory)}")


__all__ = ["SearchRun", "SearchStopped", "require_begun", "stopped_error", "survivors"]
