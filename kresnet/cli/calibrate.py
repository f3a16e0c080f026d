"""The verb that makes a network's probabilities right as often as they say: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kresnet
from kresnet.cli.common import (
    BestOption,
    DataOption,
    DataSetOption,
    JsonOption,
    SplitOption,
    log,
    print_json,
    stdout_console,
)


def register(app: typer.Typer) -> None:
    app.command()(calibrate)


def calibrate(
    trained: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    data: DataOption = None,
    split: SplitOption = None,
    best: BestOption = False,
    overrides: DataSetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the temperature of a run's network to images to validate on, and keep it with the run."""
    found = kresnet.calibrate(trained, data=data, split=split, best=best, overrides=overrides or ())
    for note in found.notes:
        log(note)
    if as_json:
        return print_json(found.as_dict())
    from kresnet.cli.train_tables import temperatures_text

    out = stdout_console()
    where = f"{found.split} images" if found.split else f"images of {found.data}"
    out.print(f"{temperatures_text(found.temperatures)}, fitted to {found.images:,} {where}")
    for name, before in found.before.items():
        out.print(f"{name.replace('_', ' ')} {before:.4f}, now {found.after[name]:.4f}")
    return None
