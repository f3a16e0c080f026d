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
from kresnet.export.edge.file_formats import CALIBRATION_IMAGES, parse_share


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
        str,
        typer.Option(
            "--weights",
            metavar="TYPE",
            help="float32, bfloat16 or float16; of tflite also int8, int8_float_io, int16x8, dynamic; of others int8.",
        ),
    ] = "float32",
    best: BestOption = False,
    spec: TrainedSpecOption = None,
    classes: ClassNamesOption = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="Images to compare on; else the run's own.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="saved_model|tflite|onnx|openvino",
            help="What to write; of the last three -o names a file.",
        ),
    ] = "saved_model",
    calibrate: Annotated[
        int, typer.Option("--calibrate", metavar="N", help="Training images that set the ranges of integers.")
    ] = CALIBRATION_IMAGES,
    compare: Annotated[bool, typer.Option("--compare", help="Show each layer's signal to quantisation noise.")] = False,
    keep_float: Annotated[
        str | None, typer.Option("--keep-float", metavar="LAYER,...", help="Layers, or blocks, that stay in float.")
    ] = None,
    lose_at_most: Annotated[
        str | None,
        typer.Option(
            "--lose-at-most", metavar="0.5%", help="Keep layers in float until accuracy falls by no more than this."
        ),
    ] = None,
    base_path: Annotated[
        str | None, typer.Option("--base-path", metavar="DIR", help="MODELS_DIR as the server will see it.")
    ] = None,
    overrides: DataSetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a SavedModel for TF Serving, and publish it once a fresh process has proved that it serves.

    With --format tflite, onnx or openvino write a file instead, once the runtime that it is for has answered as the
    network does, in a process without TensorFlow. Files of integers are calibrated on training images.
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
        calibrate=calibrate,
        compare=compare,
        keep_float=tuple(filter(None, (keep_float or "").split(","))),
        lose_at_most=None if lose_at_most is None else parse_share(lose_at_most),
        overrides=overrides or (),
    )
    if as_json:
        print_json(result.as_dict())
    else:
        stdout_console().print("\n".join(result.lines()))
