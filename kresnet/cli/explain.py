"""The verb that shows where in images a trained network sees a class: explain."""

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
    app.command()(explain)


def explain(
    trained: TrainedArgument,
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Image files; else the run's first test images.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where to write.")] = Path("explained"),
    stages: Annotated[
        list[int] | None, typer.Option("--stage", metavar="N", help="Whose map Grad-CAM reads; the last by default.")
    ] = None,
    looked_for: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME|NUMBER", help="Class to look for; each image's likeliest by default."),
    ] = None,
    channels: Annotated[
        int, typer.Option("--channels", metavar="N", min=1, max=64, help="Feature maps to show of each stage.")
    ] = 4,
    best: BestOption = False,
    spec: TrainedSpecOption = None,
    classes: ClassNamesOption = None,
    overrides: DataSetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw where a network sees a class in images (Grad-CAM), its feature maps, and its first layer's filters.

    --stage and --class may be given several times.
    """
    from kresnet.files import refuse_existing

    refuse_existing(output)
    explanation = kresnet.explain(
        trained,
        images or None,
        stages=stages or (),
        looked_for=looked_for or (),
        channels=channels,
        best=best,
        spec=spec,
        classes=classes,
        overrides=overrides or (),
    )
    files = explanation.save(output)
    if as_json:
        return print_json({**explanation.as_dict(), "output": str(output), "files": files})
    from kresnet.cli.tables import cams_table

    out = stdout_console()
    out.print(cams_table(explanation))
    return out.print(f"Written to {output}: {files[0]} and {len(files) - 1} pictures, PNG and SVG")
