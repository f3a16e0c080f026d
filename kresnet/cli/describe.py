"""Verbs that need no TensorFlow: they read specs and plans."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from kresnet.cli.common import JsonOption, SetOption, SpecArgument, console, planned, print_json
from kresnet.errors import fail, nearest

if TYPE_CHECKING:
    from kresnet.plan import Plan

ResolvedOption = Annotated[bool, typer.Option("--resolved", help="Print the spec with every default written out.")]
PaperOption = Annotated[bool, typer.Option("--paper", help="Print the figures that others publish beside the plan's.")]
DocumentArgument = Annotated[str, typer.Argument(metavar="spec|recipe", help="Which document the schema describes.")]


def register(app: typer.Typer) -> None:
    for verb in (plan, specs, diff, schema):
        app.command()(verb)


def plan(
    spec: SpecArgument,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    resolved: ResolvedOption = False,
    paper: PaperOption = False,
) -> None:
    """Print the network's stages and blocks: shapes, parameters, multiply-accumulates."""
    if resolved and paper:
        raise fail("bad_option", "--resolved and --paper print different things.", remedy="give one of them")
    loaded, network = planned(spec, overrides)
    if resolved:
        from kresnet.spec.document import dump

        document = loaded.value.document()
        return print_json(document) if as_json else print(dump(document), end="")
    if paper:
        return _paper(network, as_json)
    if as_json:
        return print_json(network.as_dict())
    from kresnet.cli.tables import print_plan

    return print_plan(network, console())


def specs(as_json: JsonOption = False) -> None:
    """List the networks that ship with kresnet."""
    from kresnet.plan import lower
    from kresnet.spec import library
    from kresnet.spec.loading import load_spec

    plans = [lower(load_spec(name).value) for name in sorted(library.names(), key=_natural)]
    entries = [
        {key: value for key, value in network.as_dict(records=False).items() if key not in ("published", "recipe")}
        for network in plans
    ]
    if as_json:
        return print_json({"specs": entries})
    from kresnet.cli import tables

    return _print(tables.specs_table(entries))


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
    from kresnet.plan.diff import diff as compared

    (loaded_a, plan_a), (loaded_b, plan_b) = planned(a, set_a), planned(b, set_b)
    difference = compared(plan_a, plan_b, loaded_a.value.document(), loaded_b.value.document())
    if as_json:
        return print_json(difference.as_dict())
    if difference.identical:
        return print(f"{plan_a.name} and {plan_b.name} are the same network.")
    from kresnet.cli import tables

    shown = [tables.settings_table(difference), ""] if difference.settings else []
    shown += [tables.blocks_table(difference), ""] if difference.blocks else []
    return _print(*shown, tables.difference_totals(difference))


def schema(document: DocumentArgument = "spec") -> None:
    """Print the JSON Schema of a spec or a recipe, for editors and validators."""
    from kresnet.spec.schema import DOCUMENTS, json_schema

    if document not in DOCUMENTS:
        message = f"There is no document `{document}`."
        raise fail(
            "bad_option", message, expected="one of " + ", ".join(DOCUMENTS), nearest=nearest(document, list(DOCUMENTS))
        )
    print(json.dumps(json_schema(document), indent=2, ensure_ascii=False))


def _natural(name: str) -> list[str | int]:
    """Sorts resnet18 before resnet101; words and numbers take turns, so that like meets like."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _paper(network: Plan, as_json: bool) -> None:
    from kresnet.plan.report import paper

    comparisons = paper(network)
    if as_json:
        return print_json({"name": network.name, "published": [each.as_dict() for each in comparisons]})
    if not comparisons:
        return print(f"{network.name} states no published figures.")
    from kresnet.cli import tables

    _print(tables.title(network))
    for (source, note), group in groupby(comparisons, key=lambda each: (each.source, each.note)):
        _print("", source, tables.paper_table(group), *([f"note: {note}"] if note else []))
    return None


def _print(*renderables: object) -> None:
    out = console()
    for renderable in renderables:
        out.print(renderable)
