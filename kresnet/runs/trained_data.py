"""The data of a run met again: where they lie now, and whether they are what it was trained on.

Everything that opens a run's data goes through here: `evaluate`, reports, the reference outputs of an export, and
`explain`. `kresnet.runs.config_drift.data_changes` is the comparison itself, which resumption takes as well.
"""

from __future__ import annotations

from kresnet.data.class_names import describe_names
from kresnet.data.description import DataDescription
from kresnet.errors import make_error
from kresnet.runs.config_drift import data_changes
from kresnet.runs.resolved_run import ResolvedRun, recipe_of
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.overrides import Overrides, list_overrides, override_path, split_overrides
from kresnet.spec.recipe import Recipe


def recipe_with_data(run: ResolvedRun, overrides: Overrides) -> Recipe:
    """Return the recipe of a run that has been trained, its data looked for elsewhere.

    Args:
        run: the run.
        overrides: settings of `recipe.data`, such as `recipe.data.path=FOLDER`.

    Raises:
        KresnetError: `bad_override` for any other setting, or what is wrong with the data's settings.
    """
    of_spec, of_recipe = split_overrides(overrides)
    other = [override_path(each) for each in of_spec]
    other += [f"recipe.{path}" for each in of_recipe if (path := override_path(each)).split(".")[0] != "data"]
    if other:
        raise make_error(
            "bad_override",
            "Of a network that has been trained, only where its data lie can be set.",
            path=other[0],
            expected="settings of recipe.data, such as recipe.data.path",
            found=other[0],
            remedy=f"leave --set {other[0]} out",
        )
    if not of_recipe:
        return run.recipe
    loaded = recipe_of(run.loaded_spec, run.loaded_recipe, of_recipe)
    assert loaded
    return loaded.value


def require_data_overrides_apply(origin: TrainedModel, overrides: Overrides, images_named: bool) -> None:
    """Make sure that settings of `recipe.data` have an effect: the network has a run, and its test images are read.

    Args:
        origin: the network.
        overrides: the settings.
        images_named: whether the caller names images instead.

    Raises:
        KresnetError: `bad_option`.
    """
    if not list_overrides(overrides):
        return
    if images_named:
        message = "Settings of recipe.data say where the run's test images lie, and other images are named."
        raise make_error("bad_option", message, remedy="leave --set out, or the images")
    if origin.run is None:
        message = f"{origin.model} belongs to no run, and has no recipe to change."
        raise make_error("bad_option", message, remedy="leave --set out")


def compare_data(trained: DataDescription, found: DataDescription, run: object, name: str) -> tuple[str, ...]:
    """Return what tells data from those that a run was trained on, in sentences; none where they are the same.

    Args:
        trained: the data that the run was trained on, as its directory describes them.
        found: the data that are there now.
        run: the run, for messages.
        name: what the data are called, for messages.

    Raises:
        KresnetError: `data_mismatch` where the classes have other names or another order, or the targets are of
            another kind: then what is measured or shown would carry wrong names.
    """
    changes = {change.path.split(".")[1] for change in data_changes(trained.as_dict(), found.as_dict())}
    if "targets" in changes:
        raise make_error(
            "data_mismatch",
            f"{name} has targets of another kind than {run} was trained on.",
            path="recipe.data",
            expected=trained.targets,
            found=found.targets,
            remedy="data with targets of that kind",
        )
    if "class_names" in changes:
        raise make_error(
            "data_mismatch",
            f"{name} has other classes than {run} was trained on, or in another order.",
            path="recipe.data",
            expected=describe_names(trained.class_names, found.class_names),
            found=describe_names(found.class_names, trained.class_names),
            remedy="name the classes as they were",
        )
    if not changes:
        return ()
    counts = ""
    if trained.test_images != found.test_images:
        counts = f", and {found.test_images:,} images to test on where it had {trained.test_images:,}"
    return (f"{name} holds other images than {run} was trained on{counts}; the classes are the same.",)


__all__ = ["compare_data", "recipe_with_data", "require_data_overrides_apply"]
