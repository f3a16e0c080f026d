"""The verb that brings a trained network to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kresnet.cli.common import JsonOption, console, log, print_json

#: Test images that the exported model must answer as the trained one does.
GOLDEN_IMAGES = 32


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a finished run.")],
    models_dir: Annotated[Path, typer.Option("-o", "--output", metavar="MODELS_DIR", help="Folder of served models.")],
    version: Annotated[int | None, typer.Option("--version", help="Version number; else the next free one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a SavedModel for TF Serving, and publish it once a fresh process has proved that it serves."""
    from kresnet.runtime import import_tensorflow
    from kresnet.training.run import Run

    finished = Run.open(run).require_model()
    import_tensorflow()
    from kresnet import inference
    from kresnet.export.saved_model import export_model
    from kresnet.weights.convert import load_model

    model = load_model(finished.model, finished.plan())
    names = finished.data()["class_names"]
    log("Exporting, then loading the export in a fresh process through TensorFlow's C API.")
    images = inference.sample_images(finished, GOLDEN_IMAGES)
    result = export_model(model, finished.spec(), names, models_dir, version=version, golden_images=images)
    if as_json:
        print_json({"path": str(result.path), "version": result.version, "report": result.report.as_dict()})
        return
    console().print("\n".join(result.report.lines()))
