"""Verbs that describe networks without TensorFlow: plan, specs, diff, schema."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, SetOption, SpecArgument, load_network, print_json, stdout_console
from kresnet.errors import make_error, shell_word

if TYPE_CHECKING:
    from kresnet import Network

ResolvedOption = Annotated[bool, typer.Option("--resolved", help="Print the spec with every default written out.")]
PaperOption = Annotated[bool, typer.Option("--paper", help="Print the figures that others publish beside the plan's.")]
BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", metavar="WHAT=NUMBER,...", help="Tell how far it is from one: macs=1e9,parameters=3e6."),
]
DocumentArgument = Annotated[
    str, typer.Argument(metavar="spec|recipe|study|search", help="Which document the schema describes.")
]


def register(app: typer.Typer) -> None:
    for verb in (plan, specs, diff, schema):
        app.command()(verb)


def plan(
    spec: SpecArgument,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    resolved: ResolvedOption = False,
    paper: PaperOption = False,
    budget: BudgetOption = None,
) -> None:
    """Print the network's stages and blocks: shapes, parameters, multiply-accumulates."""
    wanted = {"--resolved": resolved, "--paper": paper, "--budget": budget is not None}
    if len(given := [option for option, on in wanted.items() if on]) > 1:
        message = f"{' and '.join(given)} print different things."
        raise make_error("bad_option", message, remedy="give one of them")
    network = load_network(spec, overrides)
    if resolved:
        return print_json(network.document()) if as_json else print(network.spec.yaml(), end="")
    if paper:
        return _print_published(network, as_json)
    if budget is not None:
        words = " ".join(map(shell_word, [spec, *(part for each in overrides or () for part in ("--set", each))]))
        return _print_budget(network, words, budget, as_json)
    if as_json:
        return print_json(network.plan().as_dict())
    from kresnet.cli.tables import print_plan

    return print_plan(network.plan(), stdout_console())


def specs(as_json: JsonOption = False) -> None:
    """List the networks that ship with kresnet."""
    entries = kresnet.specs()
    if as_json:
        return print_json({"specs": entries})
    from kresnet.cli import tables

    return _print_all(tables.specs_table(entries))


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Path or shipped name of a spec.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The spec to compare with it.")],
    set_a: Annotated[
        list[str] | None, typer.Option("--set-a", metavar="PATH=VALUE", help="Override a setting of A.")
    ] = None,
    set_b: Annotated[
        list[str] | None, typer.Option("--set-b", metavar="PATH=VALUE", help="Override a setting of B.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how network B differs from A: settings, blocks, and what it costs."""
    difference = kresnet.diff(load_network(a, set_a), load_network(b, set_b))
    if as_json:
        return print_json(difference.as_dict())
    if difference.identical:
        return print(f"{difference.a.name} and {difference.b.name} are the same network.")
    from kresnet.cli import tables

    return _print_all(*tables.difference_parts(difference))


def schema(document: DocumentArgument = "spec") -> None:
    """Print the JSON Schema of a spec, a recipe, a study or a search, for editors and validators."""
    print_json(kresnet.schema(document), indent=2)


def _print_published(network: Network, as_json: bool) -> None:
    """Print the figures that others publish beside the plan's, source by source."""
    comparisons = network.published()
    if as_json:
        return print_json({"name": network.name, "published": [each.as_dict() for each in comparisons]})
    if not comparisons:
        return print(f"{network.name} states no published figures.")
    from kresnet.cli import tables

    _print_all(tables.plan_title(network.plan()))
    for (source, note), group in groupby(comparisons, key=lambda each: (each.source, each.note)):
        _print_all("", source, tables.published_table(group), *([f"note: {note}"] if note else []))
    return None


def _print_budget(network: Network, words: str, text: str, as_json: bool) -> None:
    """Print what the network that `words` name costs beside a budget, and the command that fits it, if it is over."""
    from kresnet.plan.budget import parse_budget

    budget = parse_budget(text)
    comparisons = budget.comparisons(network.plan())
    within = all(each.within for each in comparisons)
    if as_json:
        compared = {each.quantity: each.as_dict() for each in comparisons}
        return print_json({"name": network.name, "within": within, "batch_size": budget.batch_size, "budget": compared})
    from kresnet.cli import tables

    options = " ".join(f"--{name} {limit}" for name, limit in budget.limits.items())
    verdict = "within the budget" if within else f"over the budget; to find what fits: kresnet scale {words} {options}"
    return _print_all(tables.plan_title(network.plan()), tables.budget_table(comparisons), "", verdict)


def _print_all(*renderables: object) -> None:
    out = stdout_console()
    for renderable in renderables:
        out.print(renderable)
