"""The verb that turns a spec into a Keras model on disk."""

from __future__ import annotations

from pathlib import Path

import typer

from kresnet.cli.common import (
    ForceOption,
    JsonOption,
    OutputOption,
    SetOption,
    SpecArgument,
    console,
    planned,
    print_json,
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
    from kresnet.files import refuse_existing, staged_directory, write_json, write_text
    from kresnet.plan.drawing import draw
    from kresnet.plan.estimate import available_memory, check_fits, estimate
    from kresnet.runtime import import_tensorflow
    from kresnet.spec.document import dump

    loaded, plan = planned(spec, overrides)
    directory = output or Path(loaded.value.name)
    refuse_existing(directory)
    if not force:
        check_fits(estimate(plan, 1, training=False), available_memory())
    import_tensorflow()
    from kresnet.graph import build_model

    model = build_model(plan)
    with staged_directory(directory) as staged:
        write_text(staged / "spec.yaml", dump(loaded.value.document()))
        write_json(staged / "plan.json", plan.as_dict())
        write_text(staged / "network.svg", draw(plan))
        model.save(staged / "model.keras")
    files = sorted(path.name for path in directory.iterdir())
    if as_json:
        return print_json(plan.as_dict(records=False) | {"output": str(directory), "files": files})
    from kresnet.cli.tables import print_plan

    print_plan(plan, console())
    return console().print(f"The model equals its plan. Written to {directory}: {', '.join(files)}")
