"""How studies are shown on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kresnet.cli.layout import fitting_table
from kresnet.plan.report import amount
from kresnet.spec.study import Study
from kresnet.study.report import conditions, failures, table

if TYPE_CHECKING:
    from kresnet.study.planning import StudyPlan

#: Columns for which a terminal of 120 letters has no room; `results.md` has them.
_IN_MARKDOWN_ONLY = ("parameters", "images/s")


def print_plan(plan: StudyPlan, out: Console) -> None:
    """What a study would train."""
    out.print(f"{plan.name}: {plan.study.question}", style="bold")
    if plan.design.limits:
        out.print(plan.design.limits)
    names, figures = ("variant", "network", "recipe"), ("layers", "parameters", "MACs", "images")
    shown = fitting_table(*names, *figures, right=figures, wraps=names)
    for each in plan.variants:
        numbers = (str(each.plan.weighted_layers), f"{each.plan.trainable:,}", amount(each.plan.macs))
        images = "" if each.images is None else f"{each.images:,}"
        shown.add_row(each.name, each.spec.name, each.recipe.name, *numbers, images)
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


def print_studies(studies: Sequence[Study], out: Console) -> None:
    """The shipped studies."""
    columns = ("study", "question", "forms")
    shown = fitting_table(*columns, wraps=columns)
    for each in studies:
        shown.add_row(each.name, each.question, ", ".join(form.name for form in each.forms))
    out.print(shown)
