"""Arguments and options that several verbs take, and the ways in which verbs print."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kresnet
from kresnet import terminal
from kresnet.errors import MOST_LISTED, KresnetError
from kresnet.terminal import log

if TYPE_CHECKING:  # imported by the functions that need them, so that `--help` and `--json` answer at once
    from rich.console import Console

    from kresnet import Network

SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="Path of a spec, or the name of a shipped one.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a setting: stages.0.width=32, recipe.epochs=3."),
]
DataSetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Where a run's data lie now: recipe.data.path=DIR."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on where the estimate of memory says stop.")]
TrainedArgument = Annotated[
    Path, typer.Argument(metavar="RUN|MODEL|NAME", help="A finished run, a .keras file, or weights by name.")
]
MeasuredArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN|MODEL|NAME", help="A run, a .keras file, an export's folder, or weights by name."),
]
AcceptLicenceOption = Annotated[
    bool, typer.Option("--accept-licence", help="Accept a licence of weights that forbids commercial use.")
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", metavar="KIND:WHAT", help="Other data: folder:PATH, table:FILE, tfds:NAME, arrays:FILE."),
]
SplitOption = Annotated[
    str | None, typer.Option("--split", metavar="NAME", help="Which split: train, validation, test, or the data's own.")
]
TrainedSpecOption = Annotated[
    str | None, typer.Option("--spec", metavar="SPEC", help="Of a .keras file; else its run's, or FILE.yaml beside it.")
]
BestOption = Annotated[
    bool, typer.Option("--best", help="Take the network of the run's best epoch, which the recipe has to keep.")
]
ClassNamesOption = Annotated[
    Path | None, typer.Option("--classes", metavar="FILE", help="Class names, one a line; else the run's.")
]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write.")]


def load_network(reference: str, overrides: list[str] | None) -> Network:
    """Return the network that the user named, leaving overrides of the recipe to the verbs that take one."""
    from kresnet.spec.overrides import split_overrides

    return kresnet.load(reference, split_overrides(overrides or ())[0])


def print_json(value: Any, indent: int | None = None) -> None:
    """Print a value as JSON on stdout, in letters that its encoding has."""
    print(json.dumps(value, ensure_ascii=not terminal.is_unicode(sys.stdout), indent=indent))


def stdout_console() -> Console:
    """Return the rich console that prints tables and text on stdout."""
    return terminal.console(sys.stdout)


def end_with_error(error: KresnetError, as_json: bool) -> None:
    """Exit with an error's status; under --json it is only logged, since stdout holds its one object already."""
    if not as_json:
        raise error
    log_error(error)
    raise typer.Exit(error.status)


#: How the pieces of a problem are told apart. Without colours, bold and dim remain; without those, punctuation.
_STYLES = {"place": "bold", "path": "cyan", "message": "bold", "code": "red", "label": "dim",
           "nearest": "green", "remedy": "green"}  # fmt: skip


def log_error(error: KresnetError) -> None:
    """Print the problems on stderr, each piece in its colour, and their number if there are several.

    Of problems of one code that are of no place in a document, such as unreadable images, the first ten are printed.
    """
    from rich.text import Text

    out, count = terminal.console(sys.stderr), len(error.problems)
    terminal.clear(sys.stderr)
    shown, hidden = Counter[str](), Counter[str]()
    for problem in error.problems:
        if not problem.place and not problem.path:
            shown[problem.code] += 1
            if shown[problem.code] > MOST_LISTED:
                hidden[problem.code] += 1
                continue
        pieces = ((terminal.harmless(text), _STYLES.get(name, "")) for name, text in problem.pieces())
        out.print(Text.assemble(*pieces), soft_wrap=True)
    for code, number in hidden.items():
        out.print(Text(f"and {number} more [{code}]; --json has all"))
    if count > 1:
        out.print(f"the first {count} problems" if error.more else f"{count} problems")


__all__ = [
    "AcceptLicenceOption",
    "BestOption",
    "ClassNamesOption",
    "DataOption",
    "ForceOption",
    "JsonOption",
    "MeasuredArgument",
    "OutputOption",
    "SetOption",
    "SpecArgument",
    "SplitOption",
    "TrainedArgument",
    "TrainedSpecOption",
    "load_network",
    "log",
    "log_error",
    "print_json",
    "stdout_console",
]
