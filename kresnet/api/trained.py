"""Networks on disk, in a run or beside one: loaded, measured, asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network
from kresnet.api.progress import log
from kresnet.api.run import Run, as_image_list
from kresnet.api.weights import open_for_use
from kresnet.errors import make_error
from kresnet.files import AnyPath
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.trained_data import recipe_with_data
from kresnet.spec.loading import Overrides, Reference

if TYPE_CHECKING:
    import keras

    from kresnet.api.run import Image


def load_model(trained: Run | AnyPath, *, best: bool = False, spec: Reference | Network | None = None) -> keras.Model:
    """Load a network as a Keras model, float32, once it is verified that the file holds the network of its spec.

    Args:
        trained: a finished run, its directory, a `.keras` file in it; what `kresnet build` wrote; or a `.keras` file.
        best: take the network of the run's best epoch rather than that of the last.
        spec: of a `.keras` file outside a run; by default FILE.yaml beside it.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `model_unreadable`; `weights_mismatch` for another network's file.
    """
    from kresnet.runtime import import_tensorflow

    origin = open_for_use(trained, spec, None, best)
    import_tensorflow()
    from kresnet.weights.convert import load_model as load_verified

    return load_verified(origin.model, origin.plan)


def evaluate(
    trained: Run | AnyPath,
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    recipe: Reference | None = None,
    overrides: Overrides = (),
) -> dict[str, Any]:
    """Measure a network on test images: those of its run, or, of a file without one, those of a recipe.

    Args:
        trained: as for `kresnet.load_model`.
        best: as for `kresnet.load_model`.
        spec: as for `kresnet.load_model`.
        recipe: what names the data of a file without a run; its spec's own recipe by default.
        overrides: settings of `recipe.data`.

    Returns:
        As `Run.evaluate`.

    Raises:
        KresnetError: as `Run.evaluate`; `bad_option` where nothing says which data.
    """
    from kresnet.runtime import import_tensorflow

    origin = open_for_use(trained, spec, None, best)
    if origin.run:
        if recipe is not None:
            remedy = "leave --recipe out, or --set recipe.data..."
            raise make_error("bad_option", f"{origin.run} has its own recipe.", remedy=remedy)
        return Run(origin.run).evaluate(best=origin.model == origin.run.best_model, overrides=overrides)
    if recipe is None and origin.spec.recipe is None:
        message = f"{origin.model} belongs to no run, so nothing says on which images to measure it."
        raise make_error("bad_option", message, remedy="--recipe RECIPE, whose data are taken")
    run = resolve_run(origin.spec, recipe, plan=origin.plan)
    named = recipe_with_data(run, overrides)
    import_tensorflow()
    from kresnet.data.sources import open_data
    from kresnet.data.sources.targets import require_targets
    from kresnet.evaluation.evaluate import measure

    for note in origin.notes():
        log(note)
    data = open_data(named.data, run.spec.input)
    require_targets(data, run.spec, run.plan)
    return measure(origin.model, run.plan, named, data)


def predict(
    trained: Run | AnyPath,
    images: Image | Iterable[Image],
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Classify images with a network on disk, each brought to the network's size as evaluation does.

    Args:
        trained: as for `kresnet.load_model`.
        images: as for `Run.predict`.
        best: as for `kresnet.load_model`.
        spec: as for `kresnet.load_model`.
        classes: class names in order, or a text file of them, one a line; by default the run's, else their numbers.

    Returns:
        As `Run.predict`.

    Raises:
        KresnetError: as `Run.predict`, and what `kresnet.load_model` raises.
    """
    from kresnet.runtime import import_tensorflow

    several = as_image_list(images)
    if not several:
        remedy = f"kresnet predict {Path(trained)} IMAGE..."
        raise make_error("bad_option", "Name the images to classify.", remedy=remedy)
    origin = open_for_use(trained, spec, classes, best)
    for note in origin.notes():
        log(note)
    import_tensorflow()
    from kresnet.evaluation.predict import predict as classify

    return classify(origin, several)


__all__ = ["evaluate", "load_model", "predict"]
