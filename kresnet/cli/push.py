"""The verb that gives a run's network to others: push."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import BestOption, JsonOption, print_json, stdout_console


def register(app: typer.Typer) -> None:
    app.command()(push)


def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    repository: Annotated[str, typer.Argument(metavar="hf:OWNER/REPO", help="Where to; created where there is none.")],
    dry_run: Annotated[
        Path | None,
        typer.Option("--dry-run", metavar="DIR", help="Write the files into this folder and send nothing."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="NAME", help="apache-2.0, ...; else that of the weights it began with."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    best: BestOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a run's network on the Hugging Face hub, in timm's form where timm has such a network, with a model card."""
    written = kresnet.push(run, repository, dry_run=dry_run, licence=licence, private=private, best=best)
    if as_json:
        return print_json(written.as_dict())
    out = stdout_console()
    out.print(f"{', '.join(written.files)}: {written.place}", markup=False, highlight=False, soft_wrap=True)
    return None
