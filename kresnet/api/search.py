"""Searches: the best network and recipe of a space, within what a network may cost."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.progress import run_output
from kresnet.api.study import command_line_name
from kresnet.api.table import Table
from kresnet.errors import KresnetError
from kresnet.files import AnyPath, write_text
from kresnet.runtime import require_extra
from kresnet.spec import library
from kresnet.spec.loading import Reference, load_search
from kresnet.spec.overrides import Overrides, list_overrides

if TYPE_CHECKING:
    from kresnet.api.run import Run
    from kresnet.study.search.runner import SearchRun
    from kresnet.study.search.search_plan import SearchPlan


class SearchResult:
    """What a search has found; `kresnet.run_search` makes it.

    Attributes:
        path: directory of the search.
        values: all numbers, as `search.json` has them.
        command: command line that runs the same search, or continues it.
    """

    def __init__(self, path: Path, values: dict[str, Any], command: str, stopped: KresnetError | None) -> None:
        self.path, self.values, self.command, self._stopped = path, values, command, stopped

    @property
    def complete(self) -> bool:
        """Whether every trial has come to its end."""
        return self._stopped is None

    def error(self) -> KresnetError | None:
        """Return why the search is not complete: `interrupted`, where it was asked to stop."""
        return self._stopped

    def run(self, trial: int | None = None) -> Run:
        """Return the run of a finished trial, by default the best.

        Raises:
            KresnetError: `run_missing` if there is none.
        """
        from kresnet.api.run import open_run
        from kresnet.study.search.search_plan import trial_folder

        number = self.values["best"] if trial is None else trial
        return open_run(self.path / trial_folder(-1 if number is None else number))

    def __repr__(self) -> str:
        states = [each["state"] for each in self.values["proposed"]]
        return f"<SearchResult {self.path}: {len(states)} trials, {states.count('finished')} finished>"

    def __str__(self) -> str:
        """The trials on a front, then what was drawn, trained and found."""
        from kresnet.plan.tables import text_table
        from kresnet.study.search.result_files import search_sentences, search_table

        heads, rows = search_table(self.values)
        return "\n".join([text_table(heads, rows, heads[1:]), *search_sentences(self.values)])


def searches() -> Table:
    """List the searches that ship with kresnet: `name`, `question`, `spec`, `trials`."""
    shipped = [load_search(name).value for name in library.shipped_names("searches")]
    return Table(
        ({"name": each.name, "question": each.question, "spec": each.spec, "trials": each.trials} for each in shipped),
        ("name", "question", "trials"),
    )


def plan_search(search: Reference, *, overrides: Overrides = (), seed: int | None = None) -> SearchPlan:
    """Check a search; the arguments are those of `kresnet.run_search`.

    Returns:
        The plan: `axes`, `rungs`, `sample()` for the share of candidates within the bounds; `as_dict()` is JSON-ready.

    Raises:
        KresnetError: all problems of the document, of its paths and of its values, at once.
    """
    require_extra("search", "A search")
    from kresnet.study.search import search_plan as planning

    return planning.plan_search(load_search(search), overrides, seed)


def run_search(
    search: Reference,
    *,
    output: AnyPath | None = None,
    overrides: Overrides = (),
    seed: int | None = None,
    jobs: int = 1,
    progress: bool = True,
) -> SearchResult:
    """Search a space for the best network, each trial a run in a process of its own.

    An interrupt or SIGTERM has the runs save their state; the same call goes on. Several processes, on machines that
    share the directory, work on one search: each is called in the same way.

    Args:
        search: the name of a shipped search, a path, or a mapping with what a document would say.
        output: directory of the search; `searches/NAME` by default.
        overrides: settings to change for all candidates, last of all, as for `kresnet.fit`.
        seed: of the proposals, instead of the search's; that of the training is the recipe's.
        jobs: runs at once, among which cores and GPUs are dealt out.
        progress: tell on standard error how it goes.

    Returns:
        What was found so far; `error()` says whether something is missing.

    Raises:
        KresnetError: what `kresnet.plan_search` raises; `budget_unmet` where nothing is within the bounds, with the
            nearest; `run_changed`, `bad_option`, `not_writable`; `environment` without the packages of
            `kresnet[search]`.
    """
    require_extra("search", "A search")
    from kresnet.study.search import search_plan as planning
    from kresnet.study.search.runner import SearchRun, stopped_error

    loaded, overrides, (log, _) = load_search(search), list_overrides(overrides), run_output(progress)
    plan = planning.plan_search(loaded, overrides, seed)
    plan.sample()
    directory = Path("searches") / plan.name if output is None else Path(output)
    words = ["kresnet", "search", command_line_name(search, loaded)]
    for override in overrides:
        words += ["--set", str(override)]
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--jobs", str(jobs)] if jobs > 1 else []
    words += ["-o", str(directory)]
    command = shlex.join(words)
    run = SearchRun(plan, directory, jobs, log)
    finished = run.run(command)
    values = write_search_results(run, words, log)
    return SearchResult(directory, values, command, None if finished else stopped_error(run, command))


def write_search_results(run: SearchRun, command: list[str], log: Callable[[str], None]) -> dict[str, Any]:
    """Write what a search has found into its directory, and return it."""
    from kresnet.study.search.result_files import write_search_files
    from kresnet.study.search.search_results import gather_search_results

    values = gather_search_results(run, command)
    written = write_search_files(run, values)
    try:
        require_extra("report", "The page of a search")
    except KresnetError as error:
        log(error.problems[0].message)
    else:
        from kresnet.report.search_page import search_page

        write_text(run.directory / "search.html", search_page(values))
        written.append("search.html")
    log(f"Written to {run.directory}: {', '.join(written)}")
    return values


__all__ = ["SearchResult", "plan_search", "run_search", "searches"]
