"""Verbs of what `kernels: auto` has measured: kernels list, clear."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import typer

import kresnet
from kresnet.cli.common import JsonOption, log, print_json, stdout_console

kernels = typer.Typer(help="What `kernels: auto` has measured of convolutions on this machine.")


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(kernels, name="kernels")


@kernels.command("list")
def list_kernels(as_json: JsonOption = False) -> None:
    """List the convolutions that were measured here, and how each of their passes is computed."""
    found = kresnet.list_kernels()
    if as_json:
        return print_json({"kernels": list(found)})
    if not found:
        return log("Nothing was measured yet: kresnet fit SPEC --set recipe.kernels=auto does.")
    from kresnet.cli.tables import kernel_environment_text, kernels_table

    out = stdout_console()
    for place, (environment, entries) in enumerate(groupby(found, itemgetter("environment"))):
        if place:
            out.print()
        out.print(kernel_environment_text(environment), soft_wrap=True)
        out.print(kernels_table(entries))
    return None


@kernels.command("clear")
def clear_kernels(as_json: JsonOption = False) -> None:
    """Forget what was measured here; runs keep the kernels that they were begun with."""
    removed = kresnet.clear_kernels()
    if as_json:
        return print_json({"removed": removed})
    return stdout_console().print(f"{removed} convolution{'s' * (removed != 1)} forgotten")


__all__ = ["register"]
