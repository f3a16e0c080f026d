"""The verb that brings a trained network to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from kresnet.cli.common import JsonOption, console, log, print_json
from kresnet.errors import fail, nearest


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    trained: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="Directory of a finished run, or a .keras file.")
    ],
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
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="SPEC", help="Of a .keras file; else FILE.yaml beside it.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option("--classes", metavar="FILE", help="Class names, one a line; else the run's.")
    ] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Write a SavedModel for TF Serving, and publish it once a fresh process has proved that it serves.

    With --format tflite or onnx write a file instead, once the runtime that it is for has answered as the network does.
    """
    from pathlib import PurePosixPath

    from kresnet.export.contract import Fold, WeightType
    from kresnet.export.origin import open_origin
    from kresnet.runtime import import_tensorflow

    number = _number(version)
    _require("--fold", fold, get_args(Fold))
    _require("--weights", weights, get_args(WeightType))
    _require("--format", kind, ("saved_model", "tflite", "onnx"))
    if kind != "saved_model" and (number or signatures or base_path):
        raise fail("bad_option", f"--version, --signatures and --base-path are for a server, not for --format {kind}.")
    origin = open_origin(trained, spec=spec, classes=classes)
    import_tensorflow()
    from kresnet.export.samples import samples
    from kresnet.export.saved_model import Options, export_model
    from kresnet.plan import make_plan
    from kresnet.weights.convert import load_model

    options = Options(
        version=number,
        signatures=None if signatures is None else tuple(filter(None, signatures.split(","))),
        fold=fold,  # type: ignore[arg-type]
        weights=weights,  # type: ignore[arg-type]
        base_path=PurePosixPath(base_path) if base_path else None,
    )
    model, inputs = load_model(origin.model, make_plan(origin.spec)), samples(origin, images)
    if kind != "saved_model":
        from kresnet.export.portable import export_portable

        written = export_portable(
            model,
            origin.spec,
            origin.class_names,
            models_dir,
            kind,  # type: ignore[arg-type]
            fold=options.fold,
            weights=options.weights,
            inputs=inputs,
            origin=origin.facts,
        )
        if as_json:
            print_json(written.as_dict())
        else:
            console().print(written.line())
        return
    log("Exporting, then loading the export in a fresh process through TensorFlow's C API.")
    result = export_model(
        model, origin.spec, origin.class_names, models_dir, options, inputs=inputs, origin=origin.facts
    )
    if as_json:
        print_json({"path": str(result.path), "version": result.version, "report": result.report.as_dict()})
        return
    console().print("\n".join(result.report.lines()))


def _number(version: str) -> int | None:
    """The version that the option means; None for the next free one."""
    if version == "next":
        return None
    if not (version.isascii() and version.isdigit()):
        raise fail("bad_option", "A version is a number.", expected="a whole number from 1, or next", found=version)
    return int(version)


def _require(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise fail("bad_option", f"{option} {value} is unknown.", expected=expected, nearest=nearest(value, allowed))
