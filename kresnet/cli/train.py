"""Verbs that train networks and use them: fit, runs, evaluate, predict."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kresnet.cli.common import ForceOption, JsonOption, OutputOption, SetOption, console, log, planned, print_json
from kresnet.errors import KresnetError, fail

if TYPE_CHECKING:
    from kresnet.spec.architecture import Spec
    from kresnet.spec.loading import Loaded
    from kresnet.spec.recipe import Recipe

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")]


def register(app: typer.Typer) -> None:
    for verb in (fit, runs, evaluate, predict):
        app.command()(verb)


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
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Continue although something changed that changes the result.")
    ] = False,
    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="FILE", help="Start from this kresnet model's weights; the head may differ."),
    ] = None,
    frozen: Annotated[
        str | None,
        typer.Option("--freeze", metavar="PARTS", help="Parts of --init to hold as they are: stem,stage1."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would do, after a few timed steps; write nothing.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or continue a run that was stopped."""
    if resume is not None:
        if spec or recipe or overrides or output or init or frozen or dry_run:
            message = "--resume continues a run as it is, without SPEC or other settings."
            raise fail("bad_option", message, remedy=f"kresnet fit --resume {resume}")
        result, directory = _resumed(resume, allow_changed), resume
    elif allow_changed:
        raise fail("bad_option", "--allow-changed is for --resume.", remedy="kresnet fit --resume RUN --allow-changed")
    elif spec is not None:
        loaded, plan = planned(spec, overrides)
        if dry_run:
            if output or init or frozen:
                raise fail("bad_option", "--dry-run goes without -o, --init and --freeze.", remedy="--dry-run alone")
            return _rehearsed(loaded, plan, load_named_recipe(loaded, recipe, overrides), force, as_json)
        directory = output or Path("runs") / loaded.value.name
        result = _started(loaded, plan, load_named_recipe(loaded, recipe, overrides), directory, force, init, frozen)
    else:
        raise fail("bad_option", "Name the spec to train.", remedy="kresnet fit quickstart -o RUN")
    if as_json:
        return print_json(result)
    return console().print(
        f"test {_named(result['test'])} after {result['epochs']} epochs, "
        f"{result['seconds']:.0f} s of training; at most {_most(result['peak_memory'])}; run: {directory}"
    )


def _most(peak: Mapping[str, int]) -> str:
    """`1.2 GiB of memory, 3.4 GiB on the device`."""
    from kresnet.plan.estimate import size

    host = f"{size(peak['host'])} of memory"
    return f"{host}, {size(peak['device'])} on the device" if "device" in peak else host


def _started(
    loaded: Loaded[Spec],
    plan: Any,
    recipe: Loaded[Recipe],
    directory: Path,
    force: bool,
    init: Path | None,
    frozen: str | None,
) -> dict[str, Any]:
    from kresnet.plan.estimate import available_memory, check_fits, estimate_recipe
    from kresnet.runtime import import_tensorflow
    from kresnet.training.cluster import cluster_of
    from kresnet.training.run import Run
    from kresnet.weights.transfer import prepare

    run, cluster = Run(directory), cluster_of(recipe.value)
    if not cluster or cluster.chief:
        run.refuse_existing()
    transfer = prepare(plan, init, [part.strip() for part in frozen.split(",")] if frozen else [])
    if not force:
        check_fits(estimate_recipe(plan, recipe.value), available_memory())
    import_tensorflow(silent=cluster is not None)
    from kresnet.training import fit as training

    try:
        return training.start(run, loaded.value, plan, recipe.value, log, transfer, recipe.source.values)
    except KresnetError as error:
        raise recipe.locate(error, below="recipe") from None


def _rehearsed(loaded: Loaded[Spec], plan: Any, recipe: Loaded[Recipe], force: bool, as_json: bool) -> None:
    """Show what a run would do."""
    from kresnet.cli.rehearsal import print_rehearsal
    from kresnet.plan.estimate import available_memory, check_fits, estimate_recipe
    from kresnet.runtime import import_tensorflow
    from kresnet.training.cluster import cluster_of

    if cluster_of(recipe.value):
        message = "--dry-run times one process, and this recipe is for several workers."
        raise fail("bad_option", message, remedy="--set recipe.distribution=one_device")
    if not force:
        check_fits(estimate_recipe(plan, recipe.value), available_memory())
    import_tensorflow()
    from kresnet.training.rehearsal import rehearse

    try:
        found = rehearse(loaded.value, plan, recipe.value, recipe.source.values)
    except KresnetError as error:
        raise recipe.locate(error, below="recipe") from None
    memory = estimate_recipe(plan, recipe.value, replicas=found.devices)
    if as_json:
        return print_json({"spec": plan.name, **found.as_dict(), "memory": memory.as_dict()})
    return print_rehearsal(plan.name, found, memory)


def _resumed(directory: Path, allow_changed: bool) -> dict[str, Any]:
    from kresnet.runtime import import_tensorflow
    from kresnet.training.cluster import named_cluster
    from kresnet.training.run import Run

    if result := Run(directory).finished():
        log(f"{directory} has finished; there is nothing left to do.")
        return result
    cluster = named_cluster()
    follows = cluster is not None and not cluster.chief
    run = Run(directory) if follows else Run.open(directory)  # the chief's machine alone may have it
    import_tensorflow(silent=cluster is not None)
    from kresnet.training import fit as training

    if cluster and follows:
        return training.follow(cluster, log)
    return training.resume(run, log, allow_changed=allow_changed)


def load_named_recipe(loaded: Loaded[Spec], reference: str | None, overrides: list[str] | None) -> Loaded[Recipe]:
    """The recipe that the option or the spec names, its paths absolute so that the run can go on from anywhere."""
    from kresnet.spec.loading import load_recipe, split_overrides

    own = loaded.value.recipe
    if reference is None and own is None:
        raise fail("bad_option", f"The spec {loaded.value.name} names no recipe.", remedy="--recipe quickstart")
    _, recipe_overrides = split_overrides(overrides or ())
    beside = loaded.path.parent if reference is None else None
    found = load_recipe(reference or str(own), recipe_overrides, beside=beside)
    data = found.value.data
    field = {"tfds": "data_dir", "folder": "path", "arrays": "path"}.get(data.kind)
    path = getattr(data, field) if field else None
    if field is None or path is None:
        return found
    data = data.model_copy(update={field: str(Path(path).expanduser().resolve())})
    return replace(found, value=found.value.model_copy(update={"data": data}))


def _named(metrics: Mapping[str, Any]) -> str:
    """The metrics of a result: `loss 0.1234, accuracy 0.9876`."""
    from kresnet.spec.recipe.stopping import Metric

    known = {name: metrics[name] for name in typing.get_args(Metric) if name in metrics}
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in known.items())


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of runs, or one run.")] = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """List runs: whether they run, are finished, stopped or broken, how far they came, and their best epoch."""
    from kresnet.training.listing import list_runs

    found = list_runs(folder)
    if as_json:
        return print_json({"runs": [standing.as_dict() for standing in found]})
    from kresnet.cli.tables import runs_table

    return console().print(runs_table(found))


def evaluate(run: RunArgument, as_json: JsonOption = False) -> None:
    """Measure a finished run's model on its test images."""
    from kresnet.runtime import import_tensorflow
    from kresnet.training.run import Run

    finished = Run.open(run).require_model()
    import_tensorflow()
    from kresnet import inference

    result = inference.evaluate(finished)
    if as_json:
        return print_json(result)
    console().print(f"test {_named(result)}, {result['images']:,} images")
    if "tally" in result:
        from kresnet.cli.train_tables import print_classes

        print_classes(result["classes"], result["tally"])
    return None


def predict(
    paths: Annotated[list[Path], typer.Argument(metavar="[RUN] IMAGE...", help="A run, unless --server; image files.")],
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Ask this server: http://localhost:8501.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Which of the server's models.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Classify images with a finished run's model, or with one that a server has."""
    if (server is None) != (model is None):
        message = "A server and the name of its model go together."
        raise fail("bad_option", message, remedy="--server http://localhost:8501 --model NAME")
    if server and model:
        from kresnet.serving.client import predict as ask

        answers = ask(server, model, paths)
    else:
        answers = _predicted(*paths)
    if as_json:
        return print_json({"predictions": answers})
    for answer in answers:
        named = answer["probabilities"]
        if not isinstance(named, dict):  # a server tells the name of the likeliest class only
            named = {answer["label"]: answer["probability"]}
        ranked = sorted(named.items(), key=lambda item: -item[1])[:3]
        rest = ", ".join(f"{name} {probability:.3f}" for name, probability in ranked)
        console().print(f"{answer['image']}: {rest}")
    return None


def _predicted(run: Path, *images: Path) -> list[dict[str, Any]]:
    from kresnet.runtime import import_tensorflow
    from kresnet.training.run import Run

    if not images:
        raise fail("bad_option", "Name the images to classify.", remedy=f"kresnet predict {run} IMAGE...")
    finished = Run.open(run).require_model()
    import_tensorflow()
    from kresnet import inference

    return inference.predict(finished, images)
