"""The verb that follows runs under way: watch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kresnet import terminal
from kresnet.cli.common import log, stdout_console
from kresnet.errors import make_error, shell_word
from kresnet.runtime import require_extra


def register(app: typer.Typer) -> None:
    app.command()(watch)


def watch(
    places: Annotated[list[Path], typer.Argument(metavar="RUN|DIR...", help="Runs, or a folder of runs: a study's.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the page's address, and open nothing.")
    ] = False,
    in_terminal: Annotated[bool, typer.Option("--terminal", help="Show the runs here, without a browser.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Print how the runs stand now, and end.")] = False,
    no_evaluate: Annotated[
        bool, typer.Option("--no-evaluate", help="Leave the test images of finished runs alone, and TensorFlow.")
    ] = False,
) -> None:
    """Follow runs as they are written: their report, live, on a page or in the terminal. Nothing is written."""
    if once or in_terminal:
        given = {"--port": port, "--no-browser": no_browser, "--no-evaluate": no_evaluate}
        if unsuitable := [name for name, value in given.items() if value]:
            message = f"{' and '.join(unsuitable)} has no effect without a page."
            raise make_error("bad_option", message, remedy="leave it out, or --terminal")
        return _watch_in_terminal(places, once=once)
    require_extra("pages", "A page of runs")
    from kresnet.pages.local_server import serve_page
    from kresnet.pages.run_evaluations import RunEvaluations
    from kresnet.pages.watch_page import WatchPage
    from kresnet.report.watched_runs import WatchedRuns

    evaluations = None if no_evaluate else RunEvaluations(lambda run: watched.gather_again(run))
    watched = WatchedRuns(places, evaluations)
    try:
        serve_page(WatchPage(watched).application(), port=port, open_browser=not no_browser, started=_print_address)
    finally:
        if evaluations:
            evaluations.close()
    return None


def _print_address(address: str) -> None:
    log(f"{address}\nwatches until Ctrl-C; who has this address sees the page, from this machine alone")


def _watch_in_terminal(places: list[Path], *, once: bool) -> None:
    from kresnet.cli.watch_screen import follow, screen
    from kresnet.report.watched_runs import WatchedRuns

    if not once and not terminal.has_cursor(sys.stdout):
        words = " ".join(map(shell_word, places))
        message = "--terminal draws over what it has drawn, and standard output is no terminal that can."
        raise make_error("bad_option", message, remedy=f"kresnet watch {words} --once")
    watched = WatchedRuns(places)
    if once:
        watched.look()
        return stdout_console().print(screen(watched, sys.stdout))
    return follow(watched, sys.stdout)


__all__ = ["register"]
