"""The verb that brings weights trained elsewhere into a kresnet model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import ForceOption, JsonOption, SetOption, print_json, stdout_console

_LAYOUTS = "auto, torchvision, timm, cifar-pytorch, transformers, keras-applications, keras-hub or kresnet."


def register(app: typer.Typer) -> None:
    app.command()(convert)


def convert(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .safetensors, .pth, .pt, .bin, .keras or .weights.h5 file.")
    ],
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="Path of a spec, or the name of a shipped one.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The .keras file to write.")],
    layout: Annotated[str, typer.Option("--layout", help="Whose names the weights have: " + _LAYOUTS)] = "auto",
    entry: Annotated[
        str,
        typer.Option("--entry", metavar="NAME", help="Which entry of a PyTorch checkpoint holds the weights."),
    ] = "",
    allow_missing: Annotated[
        list[str] | None,
        typer.Option("--allow-missing", metavar="NAME", help="A layer or weight that the file may lack."),
    ] = None,
    allow_unused: Annotated[
        list[str] | None,
        typer.Option("--allow-unused", metavar="NAME", help="A tensor (or all below a name) that may be left out."),
    ] = None,
    adapt_channels: Annotated[
        bool,
        typer.Option(
            "--adapt-channels", help="Sum weights for colour pictures for a network of grey ones, or share them out."
        ),
    ] = False,
    overrides: SetOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn weights of PyTorch or Keras into a kresnet model that computes the same numbers.

    Writes FILE and, beside it, the network's resolved spec as FILE with the suffix .yaml.
    """
    conversion = kresnet.convert(
        weights,
        spec,
        output,
        layout=layout,
        entry=entry,
        allow_missing=allow_missing or (),
        allow_unused=allow_unused or (),
        adapt_channels=adapt_channels,
        overrides=overrides or (),
        force=force,
    )
    if as_json:
        return print_json(conversion.as_dict())
    return stdout_console().print(
        f"{len(conversion.match.pairs)} weights set, read back bit for bit: {output}; its spec: {conversion.spec}"
    )
