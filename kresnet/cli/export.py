"""The verb that writes a trained network for a server: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import (
    BestOption,
    ClassNamesOption,
    DataSetOption,
    JsonOption,
    TrainedArgument,
    TrainedSpecOption,
    print_json,
    stdout_console,
)


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    trained: TrainedArgument,
    models_dir: Annotated[
        Path, typer.Option("-o", "--output", metavar="MODELS_DIR|FILE", help="Folder of served models.")
    ],
    version: Annotated[str, typer.Option("--version", metavar="N|next", help="Number of the version.")] = "next",
    signatures: Annotated[
        str | None,
        typer.Option("--signatures", metavar="A,B", help="Beside serving_default: image_bytes,classify,features."),
    ] = None,
    fold: Annotated[
        str, typer.Option("--fold", metavar="auto|yes|no", help="Batch norms folded into the weights before them.")
    ] = "auto",
    weights: Annotated[
        str, typer.Option("--weights", metavar="TYPE", help="Store kernels as float32, bfloat16 or float16.")
    ] = "float32",
    best: BestOption = False,
    spec: TrainedSpecOption = None,
    classes: ClassNamesOption = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="Images to compare on; else the run's test images.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format", metavar="saved_model|tflite|onnx", help="What to write; -o names a file for the last two."
        ),
    ] = "saved_model",
    base_path: Annotated[
        str | None, typer.Option("--base-path", metavar="DIR", help="MODELS_DIR as the server will see it.")
    ] = None,
    overrides: DataSetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a SavedModel for TF Serving, and publish it once a fresh process has proved that it serves.

    With --format tflite or onnx write a file instead, once the runtime that it is for has answered as the network does.
    """
    result = kresnet.export_model(
        trained,
        models_dir,
        version=version,
        signatures=None if signatures is None else tuple(filter(None, signatures.split(","))),
        fold=fold,  # type: ignore[arg-type]
        weights=weights,  # type: ignore[arg-type]
        best=best,
        spec=spec,
        classes=classes,
        images=images,
        format=kind,  # type: ignore[arg-type]
        base_path=base_path,
        overrides=overrides or (),
    )
    if as_json:
        print_json(result.as_dict())
    else:
        stdout_console().print("\n".join(result.lines()))
