"""Verbs that need no TensorFlow: they read specs and plans."""

from __future__ import annotations

import typer

from kresnet.cli.common import JsonOption, SetOption, SpecArgument, planned, print_json


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(spec: SpecArgument, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Print the network's stages and blocks: shapes, parameters, multiply-accumulates."""
    _, network = planned(spec, overrides)
    if as_json:
        print_json(network.as_dict())
