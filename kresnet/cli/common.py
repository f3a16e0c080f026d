"""What the verbs share: their arguments, and how they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kresnet
from kresnet.api.telling import log

if TYPE_CHECKING:  # imported by the functions that need them, so that `--help` and `--json` answer at once
    from rich.console import Console

    from kresnet import Network

SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="Path of a spec, or the name of a shipped one.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a setting: stages.0.width=32, recipe.epochs=3."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on where the estimate of memory says stop.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write.")]


def planned(reference: str, overrides: list[str] | None) -> Network:
    """The network that the user named; overrides of the recipe are left for the verbs that have one."""
    from kresnet.spec.loading import split_overrides

    return kresnet.load(reference, split_overrides(overrides or ())[0])


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def console() -> Console:
    """Tables and text on stdout: without colour under NO_COLOR, plain and 120 columns wide where it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


__all__ = [
    "ForceOption",
    "JsonOption",
    "OutputOption",
    "SetOption",
    "SpecArgument",
    "console",
    "log",
    "planned",
    "print_json",
]
