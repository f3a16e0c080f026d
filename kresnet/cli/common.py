"""What the verbs share: their arguments, and how they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # imported by the functions that need them, so that `--help` and `--json` answer at once
    from rich.console import Console

    from kresnet.plan import Plan
    from kresnet.spec.architecture import Spec
    from kresnet.spec.loading import Loaded

SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="Path of a spec, or the name of a shipped one.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a setting: stages.0.width=32, recipe.epochs=3."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on where the estimate of memory says stop.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write.")]


def planned(reference: str, overrides: list[str] | None) -> tuple[Loaded[Spec], Plan]:
    """The spec that the user named and its plan, all problems told with their places."""
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec, split_overrides

    spec_overrides, _ = split_overrides(overrides or ())
    loaded = load_spec(reference, spec_overrides)
    return loaded, plan_loaded(loaded)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def console() -> Console:
    """Tables and text on stdout: without colour under NO_COLOR, plain and 120 columns wide where it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def log(message: str) -> None:
    """A line of progress on stderr."""
    print(message, file=sys.stderr, flush=True)
