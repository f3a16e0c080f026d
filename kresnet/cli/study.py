"""The verb that answers a question by training several networks: study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import kresnet
from kresnet.cli.common import JsonOption, OutputOption, SetOption, end_with_error, print_json, stdout_console
from kresnet.errors import make_error


def register(app: typer.Typer) -> None:
    app.command()(study)


def study(
    reference: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="Path of a study, or the name of a shipped one.")
    ] = None,
    output: OutputOption = None,
    form: Annotated[str | None, typer.Option("--form", metavar="NAME", help="Which of its forms; the first.")] = None,
    overrides: SetOption = None,
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="0,1,...", help="Instead of the study's.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Runs at once; cores are dealt out.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Also write results and figures there, without runs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained; write nothing.")] = False,
    shipped: Annotated[bool, typer.Option("--list", help="List the studies that ship with kresnet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train what a study lists, and compare; what was trained before is kept, so that the same command goes on."""
    if shipped:
        return _print_shipped(as_json)
    if reference is None:
        raise make_error("bad_option", "Name the study.", remedy="kresnet study --list")
    chosen: dict[str, Any] = {"form": form, "overrides": overrides or (), "seeds": _parse_seeds(seeds)}
    if dry_run:
        plan = kresnet.plan_study(reference, **chosen)
        if as_json:
            return print_json(plan.as_dict())
        from kresnet.cli.study_tables import print_study_plan

        return print_study_plan(plan, stdout_console())
    result = kresnet.run_study(reference, **chosen, output=output, jobs=jobs, report=report)
    if as_json:
        print_json(result.values)
    else:
        from kresnet.cli.study_tables import print_study_results

        print_study_results(result.values, stdout_console())
    if error := result.error():
        end_with_error(error, as_json)
    return None


def _parse_seeds(text: str | None) -> list[Any]:
    """Return the numbers between the commas, and other texts as they are: the study refuses those together."""
    parts = [part.strip() for part in text.split(",")] if text is not None else []
    return [int(part) if part.isascii() and part.isdigit() else part for part in parts]


def _print_shipped(as_json: bool) -> None:
    """Print the studies that ship with kresnet."""
    studies = kresnet.studies()
    if as_json:
        return print_json({"studies": studies})
    from kresnet.cli.study_tables import print_studies

    return print_studies(studies, stdout_console())
