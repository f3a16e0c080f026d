"""Studies: several networks, trained alike, to answer a question."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.progress import run_output
from kresnet.api.table import Table
from kresnet.errors import KresnetError
from kresnet.files import AnyPath
from kresnet.plan.tables import html_table, text_table
from kresnet.spec import library
from kresnet.spec.loading import LoadedDocument, Reference, load_study
from kresnet.spec.overrides import Overrides, list_overrides
from kresnet.study.result_files import (
    copy_result_files,
    results_table,
    training_conditions,
    unfinished_runs,
    write_result_files,
)

if TYPE_CHECKING:  # imported by what plans and trains, so that studies are listed at once
    from kresnet.api.run import Run
    from kresnet.study.runner import RunOutcome
    from kresnet.study.study_plan import StudyPlan


class StudyResult:
    """The results of a study; `kresnet.run_study` makes them. A notebook shows their table.

    Attributes:
        path: directory of the study.
        values: all numbers, as `results.json` has them.
        outcomes: how each run stands: `finished`, `stopped`, `failed` or `missing`, and why.
        command: command line that runs the same study, or continues it.
    """

    def __init__(self, path: Path, values: dict[str, Any], outcomes: Sequence[RunOutcome], command: str) -> None:
        self.path, self.values, self.outcomes, self.command = path, values, tuple(outcomes), command

    @property
    def complete(self) -> bool:
        """Whether every run of the study has finished."""
        return self.error() is None

    def error(self) -> KresnetError | None:
        """Return why the study is not complete: `interrupted` if it was stopped, `study_incomplete` for failed runs."""
        from kresnet.study.runner import incomplete_error

        return incomplete_error(self.outcomes, self.command)

    def runs(self) -> dict[tuple[str | int, ...], Run]:
        """Return the finished runs, by the name of their variant, their seed and, in a study of folds, their fold."""
        from kresnet.api.run import open_run

        return {
            tuple(each.run.identity.values()): open_run(self.path / each.run.folder)
            for each in self.outcomes
            if each.state == "finished"
        }

    def __repr__(self) -> str:
        states = [each.state for each in self.outcomes]
        return f"<StudyResult {self.path}: {states.count('finished')} of {len(states)} runs finished>"

    def __str__(self) -> str:
        """A row a variant, mean and spread of its errors; then what was run where, and what was not."""
        return "\n".join([text_table(*self._cells()), *self._sentences()])

    def _repr_html_(self) -> str:
        sentences = "<br>".join(map(escape, self._sentences()))
        return f"<div>{html_table(*self._cells())}<p>{sentences}</p></div>"

    def _cells(self) -> tuple[list[str], list[list[str]], list[str]]:
        heads, rows = results_table(self.values)
        return heads, rows, heads[1:]

    def _sentences(self) -> list[str]:
        return [f"mean ± {self.values['spread']}", *training_conditions(self.values), *unfinished_runs(self.values)]


def studies() -> Table:
    """List the studies that ship with kresnet: `name`, `question`, `source`, and `forms`, the sizes of each."""
    shipped = [load_study(name).value for name in library.shipped_names("studies")]
    return Table(
        (
            {
                "name": each.name,
                "question": each.question,
                "source": each.source,
                "forms": [form.name for form in each.forms],
            }
            for each in shipped
        ),
        ("name", "question", "forms"),
    )


def plan_study(
    study: Reference, form: str | None = None, *, overrides: Overrides = (), seeds: Sequence[int] = ()
) -> StudyPlan:
    """Return what a study would train; the arguments are those of `kresnet.run_study`.

    Returns:
        The plan: `variants`, each with `spec`, `recipe` and `plan`; `seeds`; `as_dict()` is JSON-ready.

    Raises:
        KresnetError: all problems of the document, or of its variants, at once.
    """
    from kresnet.study import study_plan as planning

    return planning.plan_study(load_study(study), form, overrides, seeds)


def run_study(
    study: Reference,
    form: str | None = None,
    *,
    output: AnyPath | None = None,
    overrides: Overrides = (),
    seeds: Sequence[int] = (),
    jobs: int = 1,
    report: AnyPath | None = None,
    progress: bool = True,
) -> StudyResult:
    """Train what a study lists and is not trained yet, each run in a process of its own, and compare.

    An interrupt (Ctrl-C, a notebook's stop button) or SIGTERM has the runs save their state; the same call goes on. A
    second interrupt ends them at once.

    Args:
        study: the name of a shipped study, a path, or a mapping with what a document would say.
        form: one of its sizes; the first by default.
        output: directory of the study; `studies/NAME` by default.
        overrides: settings to change for all variants, last of all, as for `kresnet.fit`.
        seeds: to train each variant with, instead of the study's.
        jobs: runs at once, among which cores and GPUs are dealt out.
        report: a second place for results and figures, without the runs.
        progress: tell on standard error how it goes.

    Returns:
        The result, of as many runs as were trained: a run that fails does not keep the others from going on, and
        `error()` says what is missing.

    Raises:
        KresnetError: what `kresnet.plan_study` raises, and `run_changed`, `run_locked` or `bad_option` before anything
            is trained; `not_writable` or `disk_full`.
    """
    from kresnet.study import study_plan as planning
    from kresnet.study.results import gather_results
    from kresnet.study.runner import run_missing

    loaded, overrides, (log, _) = load_study(study), list_overrides(overrides), run_output(progress)
    plan = planning.plan_study(loaded, form, overrides, seeds)
    directory = Path("studies") / plan.name if output is None else Path(output)
    command = ["kresnet", "study", command_line_name(study, loaded), *(["--form", form] if form else [])]
    for override in overrides:
        command += ["--set", str(override)]
    command += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    command += ["--jobs", str(jobs)] if jobs > 1 else []
    command += ["-o", str(directory), *(["--report", str(report)] if report is not None else [])]
    outcomes = run_missing(plan, directory, jobs, shlex.join(command), log)
    values = gather_results(plan, outcomes, directory, command)
    written = write_result_files(values, directory)
    log(f"Written to {directory}: {', '.join(written)}")
    if report is not None:
        copy_result_files(written, directory, Path(report))
        log(f"Written to {report}: {', '.join(written)}")
    return StudyResult(directory, values, outcomes, shlex.join(command))


def command_line_name(study: Reference, loaded: LoadedDocument[Any]) -> str:
    """Return what the command line would call a document by; one stated in Python would be a file of its name there."""
    if isinstance(study, str | os.PathLike):
        return os.fspath(study)
    return str(loaded.path) if loaded.path else f"{loaded.value.name}.yaml"


__all__ = ["StudyResult", "plan_study", "run_study", "studies"]
