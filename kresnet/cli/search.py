"""The verb that looks for the best network within limits: search."""

from __future__ import annotations

from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, OutputOption, SetOption, end_with_error, print_json, stdout_console
from kresnet.errors import make_error


def register(app: typer.Typer) -> None:
    app.command()(search)


def search(
    reference: Annotated[
        str | None, typer.Argument(metavar="SEARCH", help="Path of a search, or the name of a shipped one.")
    ] = None,
    output: OutputOption = None,
    overrides: SetOption = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Of the proposals; else the search's.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Runs at once; cores are dealt out.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the space, and tell how many candidates are within the limits.")
    ] = False,
    shipped: Annotated[bool, typer.Option("--list", help="List the searches that ship with kresnet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for the best network within limits; what was trained before is kept, so that the same command goes on."""
    if shipped:
        listed = kresnet.searches()
        if as_json:
            return print_json({"searches": listed})
        from kresnet.cli.search_tables import print_searches

        return print_searches(listed, stdout_console())
    if reference is None:
        raise make_error("bad_option", "Name the search.", remedy="kresnet search --list")
    if dry_run:
        plan = kresnet.plan_search(reference, overrides=overrides or (), seed=seed)
        tally = plan.sample()
        if as_json:
            return print_json(plan.as_dict() | {"sample": tally.as_dict()})
        from kresnet.cli.search_tables import print_search_plan

        return print_search_plan(plan, tally, stdout_console())
    result = kresnet.run_search(reference, output=output, overrides=overrides or (), seed=seed, jobs=jobs)
    if as_json:
        print_json(result.values)
    else:
        from kresnet.cli.search_tables import print_search_results

        print_search_results(result.values, stdout_console())
    if error := result.error():
        end_with_error(error, as_json)
    return None
