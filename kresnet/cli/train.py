"""Verbs that train and use networks: build, fit, evaluate, predict."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from kresnet.checkpoint.files import told_plainly, write_json, write_text
from kresnet.cli.common import JsonOption, OutputOption, SetOption, SpecArgument, console, log, planned, print_json
from kresnet.errors import fail
from kresnet.runtime import import_tensorflow
from kresnet.spec.document import dump
from kresnet.spec.loading import Loaded, load_recipe, split_overrides
from kresnet.spec.recipe import FolderData, Recipe, TfdsData
from kresnet.training.run import Run

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on where the memory estimate says stop.")]


def register(app: typer.Typer) -> None:
    for verb in (build, fit, evaluate, predict):
        app.command()(verb)


def build(
    spec: SpecArgument, overrides: SetOption = None, output: OutputOption = None, as_json: JsonOption = False
) -> None:
    """Build the Keras model, verify it against the plan, and write it with its plan and drawing."""
    loaded, plan = planned(spec, overrides)
    directory = output or Path(loaded.value.name)
    names = ("model.keras", "plan.json", "spec.yaml", "network.svg")
    if standing := [name for name in names if (directory / name).exists()]:
        raise fail("output_exists", f"{directory} already holds {', '.join(standing)}.", remedy="another -o")
    import_tensorflow()
    from kresnet.graph import build_model
    from kresnet.plan.drawing import draw

    model = build_model(plan)
    with told_plainly(directory):
        created = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        try:
            write_text(directory / "spec.yaml", dump(loaded.value.document()))
            write_json(directory / "plan.json", plan.as_dict())
            write_text(directory / "network.svg", draw(plan))
            model.save(directory / "model.keras")
        except BaseException:
            for name in names:
                (directory / name).unlink(missing_ok=True)
            if created:
                shutil.rmtree(directory, ignore_errors=True)
            raise
    if as_json:
        summary = {key: value for key, value in plan.as_dict().items() if key != "records"}
        print_json(summary | {"output": str(directory), "files": list(names)})
        return
    from kresnet.cli.tables import print_plan

    print_plan(plan, console())
    console().print(f"The model equals its plan. Written to {directory}: {', '.join(names)}")


def fit(
    spec: Annotated[str | None, typer.Argument(metavar="SPEC", help="Path or shipped name of a spec.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="Path or shipped name; else the spec's own.")
    ] = None,
    overrides: SetOption = None,
    output: OutputOption = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Continue this run instead of starting one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or continue a run that was stopped."""
    if resume is not None:
        if spec or recipe or overrides or output:
            message = "--resume continues a run as it is, without SPEC or other settings."
            raise fail("bad_option", message, remedy=f"kresnet fit --resume {resume}")
        run = Run.open(resume)
        result = run.finished()
        if result:
            log(f"{run} has finished; there is nothing left to do.")
        else:
            import_tensorflow()
            from kresnet.training import fit as training

            result = training.resume(run, log)
    else:
        if spec is None:
            raise fail("bad_option", "Name the spec to train.", remedy="kresnet fit quickstart -o RUN")
        loaded, plan = planned(spec, overrides)
        settings = _recipe(loaded, recipe, overrides)
        run = Run(output or Path("runs") / loaded.value.name)
        run.refuse_existing()
        import_tensorflow()
        from kresnet.training import fit as training

        result = training.start(run, loaded.value, plan, settings, log)
    if as_json:
        print_json(result)
    else:
        test = result["test"]
        console().print(
            f"test accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f} after {result['epochs']} epochs, "
            f"{result['seconds']:.0f} s, {result['images_per_second']:,.0f} images/s; run: {run}"
        )


def _recipe(loaded: Loaded, reference: str | None, overrides: list[str] | None) -> Recipe:
    """The recipe that the option or the spec names, its paths made absolute so that a run can move on from anywhere."""
    _, recipe_overrides = split_overrides(overrides or ())
    own = loaded.value.recipe
    if reference is None and own is None:
        raise fail("bad_option", f"The spec {loaded.value.name} names no recipe.", remedy="--recipe quickstart")
    beside = loaded.path.parent if reference is None else None
    recipe = load_recipe(reference or str(own), recipe_overrides, beside=beside).value
    data = recipe.data
    if isinstance(data, TfdsData) and data.data_dir is not None:
        data = data.model_copy(update={"data_dir": str(Path(data.data_dir).expanduser().resolve())})
    elif isinstance(data, FolderData):
        data = data.model_copy(update={"path": str(Path(data.path).expanduser().resolve())})
    return recipe.model_copy(update={"data": data})


def evaluate(run: RunArgument, as_json: JsonOption = False) -> None:
    """Measure a finished run's model on its test images."""
    finished = Run.open(run).require_model()
    import_tensorflow()
    from kresnet import inference

    result = inference.evaluate(finished)
    if as_json:
        print_json(result)
    else:
        console().print(
            f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}, {result['images']:,} images"
        )


def predict(
    run: RunArgument,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    as_json: JsonOption = False,
) -> None:
    """Classify images with a finished run's model."""
    finished = Run.open(run).require_model()
    import_tensorflow()
    from kresnet import inference

    answers = inference.predict(finished, images)
    if as_json:
        print_json({"predictions": answers})
        return
    for answer in answers:
        ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:3]
        rest = ", ".join(f"{name} {probability:.3f}" for name, probability in ranked)
        console().print(f"{answer['image']}: {rest}")
