"""The verb that fits a network to a budget: scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, SetOption, SpecArgument, load_network, log, print_json, stdout_console


def register(app: typer.Typer) -> None:
    app.command()(scale)


def scale(
    spec: SpecArgument,
    macs: Annotated[
        str | None, typer.Option("--macs", metavar="NUMBER", help="Most multiply-accumulates an input: 1e9, 600M.")
    ] = None,
    parameters: Annotated[
        str | None, typer.Option("--parameters", metavar="NUMBER", help="Most parameters, trainable or not: 3e6, 3M.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="BYTES", help="Most memory of a training step, as estimated: 4e9, 4GiB."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="depth|width|resolution|compound", help="What is scaled, by which rule.")
    ] = "compound",
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", help="Inputs of the step that --memory is about.")
    ] = 32,
    width_multiple: Annotated[
        int, typer.Option("--width-multiple", metavar="N", help="What widths are rounded to a multiple of.")
    ] = 8,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the new network.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the new spec there, as YAML.")
    ] = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Scale a network to the largest within a budget, by its plan alone; without -o its spec is not written."""
    scaled = kresnet.scale(
        load_network(spec, overrides),
        macs=macs,
        parameters=parameters,
        memory=memory,
        by=by,
        batch_size=batch_size,
        width_multiple=width_multiple,
        name=name,
    )
    if output is not None:
        scaled.save(output)
    if as_json:
        return print_json(scaled.as_dict() | {"output": None if output is None else str(output)})
    from kresnet.cli import tables

    out = stdout_console()
    parts = [*tables.difference_parts(scaled.difference), ""] if scaled.changed else []
    for renderable in (
        tables.plan_title(scaled.network.plan()), "", *parts, tables.scaling_table(scaled), "", scaled.summary()
    ):  # fmt: skip
        out.print(renderable, highlight=False)
    if output is not None:
        log(f"Written: {output}")
    return None
