"""Studies as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kresnet.cli.table_layout import fitting_table
from kresnet.study.result_files import results_table, training_conditions, unfinished_runs

if TYPE_CHECKING:
    from kresnet.api.table import Table
    from kresnet.study.study_plan import StudyPlan

#: Columns for which a terminal of 120 letters has no room; `results.md` has them.
_IN_MARKDOWN_ONLY = ("parameters", "images/s")


def print_study_plan(plan: StudyPlan, out: Console) -> None:
    """Print what a study would train, and in which order."""
    out.print(f"{plan.name}: {plan.study.question}", style="bold")
    if plan.design.limits:
        out.print(plan.design.limits)
    headers, rows, figures = plan.table_cells()
    printed = fitting_table(*headers, right=figures, wraps=[head for head in headers if head not in figures])
    for row in rows:
        printed.add_row(*row)
    out.print(printed)
    runs = plan.runs()
    out.print(f"{len(runs)} runs, in this order: " + ", ".join(run.name for run in runs))


def print_study_results(results: Mapping[str, Any], out: Console) -> None:
    """Print what a study found, and what failed."""
    headers, rows = results_table(results)
    kept = [at for at, head in enumerate(headers) if head not in _IN_MARKDOWN_ONLY]
    name, *figures = (headers[at] for at in kept)
    printed = fitting_table(name, *figures, right=figures, wraps=[name])
    for row in rows:
        printed.add_row(*(row[at] for at in kept))
    out.print(printed)
    out.print(f"mean ± {results['spread']}")
    for sentence in (*training_conditions(results), *unfinished_runs(results)):
        out.print(sentence)


def print_studies(studies: Table, out: Console) -> None:
    """Print the studies that ship with kresnet."""
    columns = ("study", "question", "forms")
    printed = fitting_table(*columns, wraps=columns)
    for each in studies:
        printed.add_row(each["name"], each["question"], ", ".join(each["forms"]))
    out.print(printed)
