"""Measure a trained network on images of its run, or on others; importing this imports TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.other_data import MeasuredSplit
from kresnet.data.sources.targets import require_targets
from kresnet.data.splits import Split, naming_unreadable_images
from kresnet.errors import make_error
from kresnet.evaluation.averaged_predictor import AveragedPredictor
from kresnet.evaluation.class_pictures import class_pictures
from kresnet.evaluation.curves import LabelThreshold, label_thresholds, ranking_curves
from kresnet.evaluation.evaluation import Evaluation
from kresnet.evaluation.measure_predictor import (
    measure_corruptions,
    measure_predictor,
    measurement_as_dict,
    measurement_of_sums,
)
from kresnet.evaluation.mistakes import mistake_confidences, most_confident_mistakes
from kresnet.evaluation.predict import BATCH_SIZE
from kresnet.evaluation.predictor import Predictor, trained_forward
from kresnet.evaluation.views import Tta
from kresnet.plan.objective import Objective, epoch_metrics, resolve_objective
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_data import compare_data, recipe_with_data
from kresnet.runs.trained_model import trained_model_of_run
from kresnet.spec.inputs import Input
from kresnet.spec.overrides import Overrides
from kresnet.spec.recipe import Recipe
from kresnet.training.step.losses import LossFunction, make_loss
from kresnet.training.step.metric_forms import ExampleOutputs
from kresnet.training.step.metric_sums import MetricSums, sum_batch
from kresnet.training.step.output_metrics import scores_by_class
from kresnet.weights.convert import load_model


def open_test_data(
    run: RunDirectory, overrides: Overrides = (), input: Input | None = None
) -> tuple[DataSet, tuple[str, ...]]:
    """Open the data of a run that has been trained, and compare them with what it was trained on.

    Args:
        run: the run.
        overrides: settings of `recipe.data`, where the data lie elsewhere now, or others are to be looked at.
        input: how images are read; as the network takes them by default.

    Returns:
        The data, and what tells them from those of the run, in sentences; none where they are the same.

    Raises:
        KresnetError: `data_mismatch` where the classes or the kind of targets are others, what `recipe_with_data`
            refuses, or what opening the data raises.
    """
    spec, plan = run.resolved.spec, run.resolved.plan
    recipe = recipe_with_data(run.resolved, overrides)
    data = open_data(recipe.data, input or spec.input, recipe.seed)
    differences = compare_data(run.data_description(), data.description, run, data.name)
    require_targets(data, spec, plan)
    return data, differences


def open_run_split(
    run: RunDirectory, split: str = "test", overrides: Overrides = (), input: Input | None = None
) -> MeasuredSplit:
    """Open a split of the data of a run that has been trained.

    Args:
        run: the run.
        split: `train`, `validation` or `test`.
        overrides: as for `open_test_data`.
        input: as for `open_test_data`.

    Raises:
        KresnetError: `data_missing` for a split that the run does not have, and what `open_test_data` raises.
    """
    data, differences = open_test_data(run, overrides, input)
    return split_of_data(data, split, differences)


def split_of_data(data: DataSet, split: str, differences: tuple[str, ...] = ()) -> MeasuredSplit:
    """Return a split of a data set, to measure a network on.

    Raises:
        KresnetError: `data_missing` if it has no such split.
    """
    if split not in data.splits:
        raise make_error(
            "data_missing",
            f"{data.name} has no {split} split here.",
            path="--split",
            expected=", ".join(data.splits),
            found=split,
            remedy="--split test",
        )
    return MeasuredSplit(data.name, data.splits[split], split, differences)


def evaluate(
    predictor: Predictor,
    data: MeasuredSplit,
    recipe: Recipe | None,
    *,
    tta: Tta | None = None,
    corruptions: Mapping[str, Sequence[int]] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure a network on all images of a split, in float32.

    Args:
        predictor: the network.
        data: the split, whose targets are the network's.
        recipe: what says the loss, the batches and further metrics; those that the network suggests by default.
        tta: test-time augmentation: of which views of an image a prediction is the mean.
        corruptions: severities by kind of corrupted copies to measure on as well.
        tell: takes a line of progress now and then.

    Returns:
        The metrics, NaN where undefined; `images`, `seconds`, `split`, `data` (`name`, and `differences` from what the
        network was trained on, in sentences); and of a classifier `classes`, the accuracy by class name; `tally`, the
        confusion matrix (rows are labels, columns what the network predicts), or a 2x2 table for each independent
        label; `by_class`, for each class or label `examples`, `precision`, `recall`, `f1`, `auroc` and
        `average_precision`, None where undefined; `undefined`, what is left out of the means over classes, in
        sentences; `temperatures`, by which it is calibrated, or None; and `reliability`, the bins of a reliability
        diagram. With `tta` also `tta`; with corruptions `corruptions`, as `measure_corruptions` returns them.

    Raises:
        KresnetError: `image_unreadable`.
    """
    objective = resolve_objective(predictor.plan, recipe)
    batch_size = recipe.images_per_step if recipe else BATCH_SIZE
    wanted = epoch_metrics(predictor.plan, recipe) if recipe else ()
    asked = AveragedPredictor(predictor, tta) if tta else predictor
    measured = measure_predictor(asked, objective, data.split, batch_size, wanted)
    result = measurement_as_dict(asked, objective, measured)
    result |= {"split": data.split_name, "data": {"name": data.name, "differences": list(data.differences)}}
    if tta:
        result["tta"] = tta
        if asked.plan.probabilities:
            result["temperatures"] = list(predictor.temperatures) if predictor.temperatures else None
    if corruptions:
        result["corruptions"] = measure_corruptions(asked, objective, data.split, batch_size, corruptions, tell)
    return result


def evaluate_with_mistakes(run: RunDirectory, *, best: bool = False) -> Evaluation:
    """Measure the run's final network, or else its best epoch's, and collect its most confident mistakes.

    Args:
        run: the run.
        best: measure the network of the best epoch, though there is a final one.

    Raises:
        KresnetError: `run_missing`, `data_mismatch` if the data are not those of the run, and what reading the model
            or the data raises.
    """
    plan, recipe = run.resolved.plan, run.resolved.recipe
    path = run.require_best_model() if best else final_or_best_model(run)
    origin = trained_model_of_run(run, best=path == run.best_model)
    data, differences = open_test_data(run)
    if differences:
        message = f"{data.name} is no longer what {run} was trained on."
        raise make_error("data_mismatch", message, path="recipe.data", remedy="the data as they were")
    forward, goal = trained_forward(origin, load_model(path, plan)), resolve_objective(plan, recipe)
    scale = np.asarray(origin.temperatures or 1.0, np.float32)
    measure = partial(_measure_batch, forward, make_loss(goal, metrics=epoch_metrics(plan, recipe)), goal, scale)
    measure_batch = tf.function(measure, reduce_retracing=True, autograph=False)
    began = time.perf_counter()
    sums, confidences = _measure_images(measure_batch, data.test, recipe.images_per_step)
    found = ExampleOutputs(sums.outputs(), sums.targets(), independent=goal.independent)
    measured = measurement_of_sums(sums, found, goal, origin.temperatures, epoch_metrics(plan, recipe))
    thresholds: tuple[LabelThreshold, ...] = ()
    if goal.independent and np.isfinite(found.outputs).all():
        chosen_by = measured.scaled
        if data.validation:
            looked_at, _ = _measure_images(measure_batch, data.validation, recipe.images_per_step)
            chosen_by = ExampleOutputs(looked_at.outputs() / scale, looked_at.targets(), independent=goal.independent)
        thresholds = label_thresholds(chosen_by, measured.scaled, data.class_names)
    matrix, names = measured.confusion_matrix, data.class_names
    return Evaluation(
        kind=goal.targets,
        model=path.name,
        images=len(data.test),
        seconds=time.perf_counter() - began,
        metrics=measured.metrics,
        class_names=data.class_names,
        confusion_matrix=matrix,
        mistakes=tuple(most_confident_mistakes(forward, goal, data, confidences, scale)),
        reliability=measured.reliability(),
        calibration=origin.calibration,
        pictures=class_pictures(data),
        scores={} if matrix is None else scores_by_class(goal, matrix, measured.scaled, names),
        curves=ranking_curves(goal, measured.scaled, names),
        thresholds=thresholds,
        thresholds_from=data.selection_name,
    )


def final_or_best_model(run: RunDirectory) -> Path:
    """Return the file of the run's final model; while there is none, that of its best epoch's.

    Raises:
        KresnetError: `run_missing` if there is neither.
    """
    return run.best_model if run.best_model.is_file() and not run.model.is_file() else run.require_model().model


def first_test_images(
    run: RunDirectory, count: int, overrides: Overrides = ()
) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Return the first test images of a run's data, as evaluation reads them.

    Args:
        run: the run.
        count: how many images at most.
        overrides: as for `open_test_data`.

    Returns:
        The images, uint8 `(count, H, W, C)`, or vectors, float32 `(count, length)`; the names of these examples; and
        what tells the data from those of the run, in sentences.
    """
    data, differences = open_test_data(run, overrides)
    with naming_unreadable_images(data.test):
        images, _ = next(iter(evaluation_batches(data.test, count)))
    return images.numpy(), [data.test.example_name(place) for place in range(len(images))], differences


def _measure_images(measure_batch: Any, split: Split, batch_size: int) -> tuple[MetricSums, np.ndarray]:
    """Return the sums over a split, with all its outputs, and of each example how confidently it is wrong."""
    sums, confidences = MetricSums(), []
    with naming_unreadable_images(split):
        for images, targets in evaluation_batches(split, batch_size):
            batch_sums, outputs, batch_confidences = measure_batch(images, targets)
            sums.add(batch_sums)
            sums.keep(outputs.numpy(), targets.numpy())
            confidences.append(batch_confidences.numpy())
    return sums, np.concatenate(confidences)


def _measure_batch(
    forward: Callable[[Any], Any], loss: LossFunction, goal: Objective, scale: np.ndarray, images: Any, targets: Any
) -> tuple[dict[str, Any], Any, Any]:
    """Return the sums over a batch, the network's outputs, and of each example how confidently it is wrong."""
    outputs = forward(tf.cast(images, tf.float32))
    sums = sum_batch(loss, outputs, targets, tf.ones(tf.shape(images)[0]))
    return sums, outputs, mistake_confidences(goal, outputs / scale, targets)
