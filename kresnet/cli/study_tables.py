"""How studies are shown on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kresnet.cli.table_layout import fitting_table
from kresnet.study.result_files import conditions, failures, table

if TYPE_CHECKING:
    from kresnet.api.table import Table
    from kresnet.study.study_plan import StudyPlan

#: Columns for which a terminal of 120 letters has no room; `results.md` has them.
_IN_MARKDOWN_ONLY = ("parameters", "images/s")


def print_plan(plan: StudyPlan, out: Console) -> None:
    """What a study would train."""
    out.print(f"{plan.name}: {plan.study.question}", style="bold")
    if plan.design.limits:
        out.print(plan.design.limits)
    heads, rows, figures = plan.cells()
    shown = fitting_table(*heads, right=figures, wraps=[head for head in heads if head not in figures])
    for row in rows:
        shown.add_row(*row)
    out.print(shown)
    runs = plan.runs()
    out.print(f"{len(runs)} runs, in this order: " + ", ".join(run.name for run in runs))


def print_results(results: Mapping[str, Any], out: Console) -> None:
    """What a study found."""
    heads, rows = table(results)
    kept = [at for at, head in enumerate(heads) if head not in _IN_MARKDOWN_ONLY]
    name, *figures = (heads[at] for at in kept)
    shown = fitting_table(name, *figures, right=figures, wraps=[name])
    for row in rows:
        shown.add_row(*(row[at] for at in kept))
    out.print(shown)
    out.print(f"mean ± {results['spread']}")
    for sentence in (*conditions(results), *failures(results)):
        out.print(sentence)


def print_studies(studies: Table, out: Console) -> None:
    """The shipped studies."""
    columns = ("study", "question", "forms")
    shown = fitting_table(*columns, wraps=columns)
    for each in studies:
        shown.add_row(each["name"], each["question"], ", ".join(each["forms"]))
    out.print(shown)
