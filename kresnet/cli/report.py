"""Verbs that make pages to look at: report, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import BestOption, JsonOption, print_json
from kresnet.errors import make_error

PageOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The page to write; with --json none by default.")
]
NoEvaluateOption = Annotated[
    bool, typer.Option("--no-evaluate", help="Leave the test images alone: no confusion, no mistakes, no TensorFlow.")
]


def register(app: typer.Typer) -> None:
    for verb in (report, compare):
        app.command()(verb)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run, in whatever state.")],
    output: PageOption = None,
    best: BestOption = False,
    no_evaluate: NoEvaluateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a page about a run: its network, curves, mistakes, gradients, machine. By default report.html."""
    if best and no_evaluate:
        raise make_error("bad_option", "--best has no effect with --no-evaluate.", remedy="leave one of them out")
    page = _page_path(output, "report.html", as_json)
    run_data = kresnet.report_run(run, page, best=best, evaluate=not no_evaluate)
    if as_json:
        print_json(run_data.as_dict())


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of two or more runs.")],
    output: PageOption = None,
    no_evaluate: NoEvaluateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a page about several runs side by side, and what tells them apart. By default compare.html."""
    comparison = kresnet.compare_runs(runs, _page_path(output, "compare.html", as_json), evaluate=not no_evaluate)
    if as_json:
        print_json(comparison.as_dict())


def _page_path(output: Path | None, default: str, as_json: bool) -> Path | None:
    """Return the file that the page is written to; None for no page."""
    return output or (None if as_json else Path(default))


__all__ = ["register"]
