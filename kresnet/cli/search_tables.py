"""Searches as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kresnet.cli.table_layout import fitting_table

if TYPE_CHECKING:
    from kresnet.api.table import Table
    from kresnet.study.search.judge import Tally
    from kresnet.study.search.search_plan import SearchPlan


def print_searches(searches: Table, out: Console) -> None:
    """Print the searches that ship with kresnet."""
    columns = ("search", "question", "trials")
    printed = fitting_table(*columns, right=("trials",), wraps=columns[:2])
    for each in searches:
        printed.add_row(each["name"], each["question"], str(each["trials"]))
    out.print(printed)


def print_search_plan(plan: SearchPlan, tally: Tally, out: Console) -> None:
    """Print what a search would vary, and how many candidates are within its limits."""
    search = plan.search
    out.print(f"{plan.name}: {search.question}", style="bold")
    if search.limits:
        out.print(search.limits)
    printed = fitting_table("setting", "values", wraps=["setting", "values"])
    for axis in plan.axes.axes:
        printed.add_row(axis.name, axis.dimension.text())
    out.print(printed)
    size = plan.axes.size()
    out.print(f"{'Infinitely many' if math.isinf(size) else f'{size:,.0f}'} candidates.", highlight=False)
    for quantity, text in search.constraints.comparisons():
        out.print(f"{quantity} {text}", highlight=False)
    accepted = tally.drawn - sum(tally.rejected.values())
    why = ", ".join(f"{count:,} by {name}" for name, count in tally.rejected.most_common())
    rate = tally.drawn / tally.seconds
    out.print(
        f"Of {tally.drawn:,} drawn at random, {accepted:,} are within the limits of their plans ({rate:,.0f} judged a "
        f"second{f'; rejected: {why}' if why else ''}).",
        highlight=False,
    )
    rungs = ", ".join(str(rung) for rung in plan.rungs if rung is not None)
    halving = f", halved after epoch {rungs}" if rungs else ""
    sampler = search.sampler.kind
    out.print(f"{search.trials} trials in generations of {search.generation}, by {sampler}{halving}.", highlight=False)
    if plan.halves_in_warmup:
        note = f"Until epoch {plan.warmup_epochs:g} the rate rises, and low rates look best"
        out.print(f"{note}: let halving.first_epochs be more.", highlight=False)


def print_search_results(values: Mapping[str, Any], out: Console) -> None:
    """Print the trials on a front, and what was drawn, trained and found."""
    from kresnet.study.search.result_files import search_sentences, search_table

    heads, rows = search_table(values)
    printed = fitting_table(*heads, right=heads[:-1], wraps=heads[-1:])
    for row in rows:
        printed.add_row(*row)
    out.print(printed)
    for sentence in search_sentences(values):
        out.print(sentence, highlight=False)


__all__ = ["print_search_plan", "print_search_results", "print_searches"]
