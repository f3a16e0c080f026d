"""The verb that answers a question by training several networks."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from kresnet.cli.common import JsonOption, OutputOption, SetOption, console, log, log_error, print_json
from kresnet.errors import KresnetError, fail


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
        return _list(as_json)
    if reference is None:
        raise fail("bad_option", "Name the study.", remedy="kresnet study --list shows those that are shipped")
    from kresnet.spec.loading import load_study
    from kresnet.study.planning import plan_study

    plan = plan_study(load_study(reference), form, overrides or (), _seeds(seeds))
    directory = output or Path("studies") / plan.name
    if dry_run:
        if as_json:
            return print_json(plan.as_dict())
        from kresnet.cli.study_tables import print_plan

        return print_plan(plan, console())
    from kresnet.study.report import write_report
    from kresnet.study.results import gather
    from kresnet.study.runner import require_done, run_study

    command = ["kresnet", *sys.argv[1:]]
    done = run_study(plan, directory, jobs, shlex.join(command), log)
    results = gather(plan, done, directory, command)
    for place in [directory, *([report] if report else [])]:
        log(f"Written to {place}: {', '.join(write_report(results, place))}")
    if as_json:
        print_json(results)
    else:
        from kresnet.cli.study_tables import print_results

        print_results(results, console())
    try:
        require_done(done, shlex.join(command))
    except KresnetError as error:
        if not as_json:
            raise
        log_error(error)
        raise typer.Exit(error.status) from None
    return None


def _seeds(text: str | None) -> list[int]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) < 2**31 for part in parts) or len({*parts}) < len(parts):
        expected = "different whole numbers, from 0 on, with commas between"
        raise fail("bad_option", "--seeds takes numbers.", expected=expected, found=text, remedy="--seeds 0,1")
    return [int(part) for part in parts]


def _list(as_json: bool) -> None:
    from kresnet.spec import library
    from kresnet.spec.loading import load_study

    studies = [load_study(name).value for name in library.names("studies")]
    if as_json:
        return print_json(
            {
                "studies": [
                    {
                        "name": each.name,
                        "question": each.question,
                        "source": each.source,
                        "forms": [form.name for form in each.forms],
                    }
                    for each in studies
                ]
            }
        )
    from kresnet.cli.study_tables import print_studies

    return print_studies(studies, console())
