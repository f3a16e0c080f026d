"""The verb that turns a spec into a Keras model on disk: build."""

from __future__ import annotations

from pathlib import Path

import typer

from kresnet.cli.common import (
    ForceOption,
    JsonOption,
    OutputOption,
    SetOption,
    SpecArgument,
    load_network,
    print_json,
    stdout_console,
)


def register(app: typer.Typer) -> None:
    app.command()(build)


def build(
    spec: SpecArgument,
    overrides: SetOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build the Keras model, verify it against the plan, and write it with its plan and drawing."""
    network = load_network(spec, overrides)
    directory = output or Path(network.name)
    files = network.save(directory, force=force)
    if as_json:
        return print_json(network.plan().as_dict(records=False) | {"output": str(directory), "files": files})
    from kresnet.cli.tables import print_plan

    print_plan(network.plan(), stdout_console())
    return stdout_console().print(f"The model equals its plan. Written to {directory}: {', '.join(files)}")
