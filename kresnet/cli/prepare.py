"""The verb that writes data into shards before they are trained on: prepare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, log, print_json, stdout_console
from kresnet.cli.data import ColumnsOption, DataArgument
from kresnet.errors import shell_word


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(prepare)


def prepare(
    reference: DataArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where the shards go.")],
    overrides: ColumnsOption = None,
    shorter_side: Annotated[
        int | None,
        typer.Option(min=1, max=65_536, metavar="PIXELS", help="Make larger images smaller, where that saves bytes."),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="With --shorter-side: quality of JPEG; 90 by default.")
    ] = None,
    deduplicate: Annotated[
        bool, typer.Option("--deduplicate", help="Leave out copies; of test and training images the test's stay.")
    ] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read, rather than stop.")
    ] = False,
    shard_examples: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Images of a shard; by default as many as make 64 MiB.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order in which training images are stored.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write data once into shards, checked and shuffled; killed at any point, the same command goes on."""
    manifest = kresnet.prepare_data(
        reference,
        output,
        overrides or (),
        shorter_side=shorter_side,
        quality=quality,
        deduplicate=deduplicate,
        skip_unreadable=skip_unreadable,
        shard_examples=shard_examples,
        seed=seed,
    )
    if as_json:
        return print_json(manifest.as_dict())
    for name, split in manifest.splits.items():
        size = f"{split.bytes / 2**20:,.1f} MiB in {len(split.shards):,} shards"
        stdout_console().print(f"{name}: {split.examples:,} images, {size}")
    left_out = manifest.made["left_out"]
    for what, counts in left_out.items():
        if count := sum(counts.values()):
            log(f"{count:,} {'images that cannot be read' if what == 'unreadable' else what} left out: "
                f"{output / 'left_out.jsonl'}")  # fmt: skip
    setting = f"recipe.data={{kind: prepared, path: {output}}}"
    return stdout_console().print(f"to train on it: kresnet fit SPEC --set {shell_word(setting)}")


__all__ = ["register"]
