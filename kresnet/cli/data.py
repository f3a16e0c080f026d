"""The verb that looks at data before they are trained on: data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, log, print_json

DataArgument = Annotated[
    str,
    typer.Argument(metavar="FILE|FOLDER|NAME", help="A table, a folder of images, an .npz file, or a TFDS data set."),
]
ColumnsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="What is known: recipe.data.label=species.")
]
WriteOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Some images of each class (.png); a folder's table (.csv)."),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(data)


def data(
    reference: DataArgument,
    overrides: ColumnsOption = None,
    output: WriteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what data would be read as: splits, classes, sizes, copies, what is wrong; and how to train on them."""
    survey = kresnet.describe_data(reference, overrides or (), output)
    if output is not None:
        log(f"Written to {output}")
    if as_json:
        return print_json(survey.as_dict())
    from kresnet.cli.data_tables import print_survey

    return print_survey(survey)


__all__ = ["register"]
