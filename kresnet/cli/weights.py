"""Verbs of weights by name: weights list, show, pull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import kresnet
from kresnet.cli.common import AcceptLicenceOption, ForceOption, JsonOption, log, print_json, stdout_console

weights = typer.Typer(help="Weights that others trained, by name.")

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="timm/NAME, keras/NAME, hf:OWNER/REPO[@REVISION], https://..., or a folder."),
]
TestSizeOption = Annotated[
    bool, typer.Option("--test-size", help="At the size its authors measure it at, where that is another.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(weights, name="weights")


@weights.command("list")
def list_weights(
    pattern: Annotated[str | None, typer.Argument(metavar="PATTERN", help="Part of a name, or *.in1k.")] = None,
    max_params: Annotated[
        str | None, typer.Option("--max-params", metavar="N", help="With at most so many parameters: 30M, 5e6.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="NAME", help="Of this licence; commercial: that allows it.")
    ] = None,
    classes: Annotated[int | None, typer.Option("--classes", metavar="N", help="That tell so many apart.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List weights that have a name, those of timm and keras.applications; others are named hf:OWNER/REPO."""
    found = kresnet.list_weights(pattern, max_parameters=max_params, licence=licence, classes=classes)
    if as_json:
        return print_json({"weights": list(found)})
    from kresnet.cli.tables import weights_table

    return stdout_console().print(weights_table(found))


@weights.command("show")
def show_weights(name: NameArgument, test_size: TestSizeOption = False, as_json: JsonOption = False) -> None:
    """Say what weights are of: architecture, pixels, size, crop, classes and licence; nothing large is fetched."""
    facts = kresnet.show_weights(name, test_size=test_size)
    if as_json:
        return print_json(facts)
    out = stdout_console()
    for key, value in facts.items():
        out.print(f"{key}: {_text(value)}", markup=False, highlight=False, soft_wrap=True)
    return None


@weights.command("pull")
def pull_weights(
    name: NameArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .keras file to write besides.")
    ] = None,
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="SPEC", help="The network of a file at an address.")
    ] = None,
    test_size: TestSizeOption = False,
    accept_licence: AcceptLicenceOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch weights, make a kresnet model of them, verify it, and keep it in the cache for --init, predict, export."""
    pulled = kresnet.pull_weights(
        name, output=output, spec=spec, accept_licence=accept_licence, test_size=test_size, verify=True, force=force
    )
    model = output or pulled.model
    if as_json:
        return print_json({**pulled.as_dict(), "model": str(model), "spec": str(model.with_suffix(".yaml"))})
    log(f"Its spec: {model.with_suffix('.yaml')}")
    return stdout_console().print(str(model), markup=False, highlight=False, soft_wrap=True)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items() if inner not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:5])) + (f" and {len(value) - 5:,} more" if len(value) > 5 else "")
    return "not stated" if value in ("", None) else f"{value:,}" if isinstance(value, int) else str(value)
