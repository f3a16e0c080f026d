"""Measure a network on images, its own or others, and calibrate its probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from kresnet.api.network import Network, require_one_of
from kresnet.api.stored_networks import ExportedNetwork, load_predictor, open_network
from kresnet.errors import make_error, shell_word
from kresnet.evaluation.views import Tta, image_input
from kresnet.files import AnyPath
from kresnet.runs.calibration import Calibration, write_calibration
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.trained_data import recipe_with_data
from kresnet.runs.trained_model import TrainedModel
from kresnet.runtime import import_tensorflow
from kresnet.spec.inputs import Input
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides, list_overrides
from kresnet.spec.recipe import Recipe, TableData
from kresnet.spec.recipe.data_reference import read_data_reference
from kresnet.terminal import log

if TYPE_CHECKING:
    from kresnet.data.sources.other_data import MeasuredSplit
    from kresnet.evaluation.predictor import Predictor


def evaluate(
    trained: AnyPath,
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
    recipe: Reference | None = None,
    overrides: Overrides = (),
    data: str | None = None,
    split: str | None = None,
    tta: Tta | None = None,
    corrupt: str | None = None,
) -> dict[str, Any]:
    """Measure a network on images: the test images of its run, those of a recipe, or any others of its classes.

    An export is asked through the signature that a server answers with. A calibrated network (`kresnet.calibrate`) is
    judged by its calibrated probabilities.

    Args:
        trained: a finished run, its directory, a `.keras` file, or an export, `MODELS_DIR/NAME` or a version in it.
        best: take the network of the run's best epoch rather than that of the last.
        spec: of a `.keras` file outside a run; by default FILE.yaml beside it.
        classes: of such a file, class names in order, or a text file of them, one a line; else their numbers.
        recipe: what names the data of such a file; its spec's own recipe by default.
        overrides: settings of `recipe.data`, where the data of the run or the recipe lie elsewhere now.
        data: other data to measure it on, `folder:PATH`, `table:FILE`, `tfds:NAME` or `arrays:FILE`. A folder holds
            one folder a class, or splits that do. Classes are matched by name; some of the network's may be missing.
        split: which split; `test` by default.
        tta: test-time augmentation: predictions are means over the image and its mirror image (`flip`), or over four
            corners and the centre (`five_crop`).
        corrupt: common corruptions to measure it on as well: `all`, or families and kinds, `noise,fog:3`; see
            `kresnet.data.corruptions`.

    Returns:
        The metrics; `images`, `seconds`, `split`, `data` (`name`, and `differences` from what the network was trained
        on, in sentences, which are also told on standard error); and of a classifier `classes`, the accuracy by class
        name, `tally`, the confusion matrix (rows are labels, columns what the network says), `by_class`, `undefined`,
        `temperatures` and `reliability`; with `tta` and `corrupt` also `tta` and `corruptions`.

    Raises:
        KresnetError: `run_missing` before the run's end; `data_mismatch` for data of other classes; `bad_override` for
            other settings than the data's; `bad_option` where nothing says which data; what opening the data raises.
    """
    from kresnet.data.corruptions import parse_corruptions

    corruptions = parse_corruptions(corrupt) if corrupt is not None else {}
    if tta is not None:
        require_one_of("--tta", tta, get_args(Tta))
    document = read_data_reference(data) if data is not None else {}
    if document and (recipe is not None or list_overrides(overrides)):
        message = "Other data take the place of those of a recipe."
        raise make_error("bad_option", message, remedy="leave --recipe and --set out, or --data")
    network = open_network(trained, best=best, spec=spec, classes=classes)
    followed = _recipe_of(network, recipe, overrides, needed=not document)
    if (tta or corruptions) and not network.spec.input.is_image:
        raise make_error("bad_option", "--tta and --corrupt are for images.", remedy="leave them out")
    predictor = load_predictor(network)
    from kresnet.data.sources.other_data import open_other_data
    from kresnet.evaluation.evaluate import evaluate as measure

    images = image_input(predictor.spec.input, tta)
    if document:
        other = _with_columns(document, followed)
        measured = open_other_data(
            other, predictor.spec, predictor.plan, predictor.class_names, split=split, input=images
        )
    else:
        assert followed
        measured = _own_split(network, predictor, followed, overrides, split or "test", images)
    for difference in measured.differences:
        log(difference)
    return measure(predictor, measured, followed, tta=tta, corruptions=corruptions, tell=log)


def _own_split(
    network: TrainedModel | ExportedNetwork,
    predictor: Predictor,
    recipe: Recipe,
    overrides: Overrides,
    split: str,
    images: Input,
) -> MeasuredSplit:
    """Open a split of the data of a network's run, or else of a recipe; `images` says how images are read."""
    from kresnet.data.sources import open_data
    from kresnet.data.sources.targets import require_targets
    from kresnet.evaluation.evaluate import open_run_split, split_of_data

    images = predictor.spec.input if recipe.data.kind == "arrays" else images
    if isinstance(network, TrainedModel) and network.run:
        return open_run_split(network.run, split, overrides, images)
    opened = open_data(recipe.data, images, recipe.seed)
    require_targets(opened, predictor.spec, predictor.plan)
    return split_of_data(opened, split)


def _recipe_of(
    network: TrainedModel | ExportedNetwork, recipe: Reference | None, overrides: Overrides, needed: bool
) -> Recipe | None:
    """Return what says the loss, the batches and, unless others are named, the data.

    Raises:
        KresnetError: `bad_option` where nothing says which data, though it is `needed`.
    """
    if isinstance(network, TrainedModel) and network.run:
        if recipe is not None:
            remedy = "leave --recipe out, or --set recipe.data..."
            raise make_error("bad_option", f"{network.run} has its own recipe.", remedy=remedy)
        return recipe_with_data(network.run.resolved, overrides)
    if isinstance(network, ExportedNetwork):
        recipe = network.manifest.origin.get("recipe") if recipe is None else recipe
    if recipe is None and (network.spec.recipe is None or isinstance(network, ExportedNetwork)):
        if not needed:
            return None
        message = f"{network} belongs to no run, so nothing says on which images to measure it."
        raise make_error("bad_option", message, remedy="--data folder:PATH, or --recipe RECIPE, whose data are taken")
    return recipe_with_data(resolve_run(network.spec, recipe, plan=network.plan, begun=True), overrides)


def _with_columns(document: Mapping[str, Any], recipe: Recipe | None) -> dict[str, Any]:
    """Return what says which data, with the columns of a table: the recipe's, where the table has them, else guesses.

    Raises:
        KresnetError: `data_missing`, `data_mismatch`: what is wrong with the table, or that no column holds labels.
    """
    if document["kind"] != "table":
        return dict(document)
    from kresnet.data.survey.table_columns import HEAD_ROWS, guess_settings
    from kresnet.data.tables.table_file import TableFile

    table = TableFile(Path(document["path"]))
    there = set(table.column_names())
    guessed = guess_settings(table.head(HEAD_ROWS))
    if recipe and isinstance(recipe.data, TableData):
        own = recipe.data.model_dump(include={"image", "label", "labels", "separator", "values"})
        columns = [own[name] for name in ("image", "label", "labels", "values") if own[name] is not None]
        if {each for one in columns for each in ([one] if isinstance(one, str) else one)} <= there:
            guessed = {name: value for name, value in guessed.items() if name not in own} | own
    if not any(guessed.get(name) for name in ("label", "labels", "values")):
        message = f"No column of {table.path} looks like what the network learned."
        raise make_error("data_mismatch", message, path="--data", found=", ".join(sorted(there)),
                         remedy="name the column label, labels or values")  # fmt: skip
    wanted = ("image", "label", "labels", "separator", "values", "split", "test_split")
    return dict(document) | {name: guessed[name] for name in wanted if guessed.get(name) is not None}


def calibrate(
    trained: AnyPath,
    *,
    best: bool = False,
    overrides: Overrides = (),
    data: str | None = None,
    split: str | None = None,
) -> Calibration:
    """Fit the temperature of a run's network, so that its probabilities are right as often as they say.

    The logits of a classifier are divided by one number before they become probabilities, those of independent labels
    by one each: the numbers that make what is true most likely on the images (Guo et al. 2017, arXiv:1706.04599). They
    are kept with the run in `calibration.json`, for these weights alone, and `evaluate`, `predict`, `explain`, reports
    and exports use them from then on; logits stay as they are, and so does the likeliest class.

    Args:
        trained: a finished run, its directory, or a `.keras` file in it.
        best: calibrate the network of the run's best epoch rather than that of the last.
        overrides: settings of `recipe.data`, where the data of the run lie elsewhere now.
        data: other data to fit on, as for `kresnet.evaluate`.
        split: which split; `validation` by default, of other data `test`.

    Returns:
        The temperatures, and the metrics of the images before and after.

    Raises:
        KresnetError: `data_missing` where the run has no validation split, `contradiction` for a network without
            classes, `data_mismatch` where the images tell no temperature, `bad_option`; what opening the data raises.
    """
    document = read_data_reference(data) if data is not None else {}
    network = open_network(trained, best=best)
    if isinstance(network, ExportedNetwork) or network.run is None:
        message = f"{network} is no run, with which temperatures could be kept."
        raise make_error("bad_option", message, remedy="calibrate the run, then export it anew: kresnet calibrate RUN")
    if network.plan.probabilities is None:
        raise make_error("contradiction", f"{network.run} holds no classifier.", remedy="a network that has classes")
    recipe = recipe_with_data(network.run.resolved, overrides)
    if not document and split is None and network.run.data_description().validation_images is None:
        raise make_error(
            "data_missing",
            f"{network.run} was trained without images to validate on, which temperatures are fitted to.",
            path="--split",
            expected="a run with recipe.data.validation; or --data or --split, which say on which images",
            remedy=f"kresnet calibrate {shell_word(network.run)} --data folder:PATH",
        )
    import_tensorflow()
    from kresnet.data.sources.other_data import open_other_data
    from kresnet.evaluation.calibrate import fit_calibration
    from kresnet.evaluation.evaluate import open_run_split

    if document:
        document = _with_columns(document, recipe)
        measured = open_other_data(document, network.spec, network.plan, network.class_names, split=split)
    else:
        measured = open_run_split(network.run, split or "validation", overrides)
    for difference in measured.differences:
        log(difference)
    calibration = fit_calibration(network, measured, recipe)
    write_calibration(network.run.path, network.model.name, calibration)
    return calibration


__all__ = ["calibrate", "evaluate"]
