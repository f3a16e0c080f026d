"""Measure a trained network on its run's test images; importing this imports TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.targets import require_targets
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import make_error
from kresnet.evaluation.evaluation import Evaluation
from kresnet.evaluation.mistakes import mistake_confidences, most_confident_mistakes
from kresnet.evaluation.per_class import accuracy_by_class_name
from kresnet.plan import Plan
from kresnet.plan.objective import Objective, epoch_metrics, resolve_objective
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_data import compare_data, recipe_with_data
from kresnet.spec.loading import Overrides
from kresnet.spec.recipe import Recipe
from kresnet.training.step.engine import Engine
from kresnet.training.step.losses import LossFunction, make_loss
from kresnet.training.step.measure import measure_split
from kresnet.training.step.metric_sums import MetricSums, sum_batch
from kresnet.training.step.output_metrics import (
    ExampleOutputs,
    metrics_of_matrix,
    metrics_of_outputs,
    scores_by_class,
    undefined_remarks,
)
from kresnet.training.step.trainer import Trainer
from kresnet.weights.convert import load_model


def open_test_data(run: RunDirectory, overrides: Overrides = ()) -> tuple[DataSet, tuple[str, ...]]:
    """Open the data of a run that has been trained, and compare them with what it was trained on.

    Args:
        run: the run.
        overrides: settings of `recipe.data`, where the data lie elsewhere now, or others are to be looked at.

    Returns:
        The data, and what tells them from those of the run, in sentences; none where they are the same.

    Raises:
        KresnetError: `data_mismatch` where the classes or the kind of targets are others, what `recipe_with_data`
            refuses, or what opening the data raises.
    """
    spec, plan = run.resolved.spec, run.resolved.plan
    recipe = recipe_with_data(run.resolved, overrides)
    data = open_data(recipe.data, spec.input, recipe.seed)
    differences = compare_data(run.data_description(), data.description, run, data.name)
    require_targets(data, spec, plan)
    return data, differences


def evaluate(run: RunDirectory, overrides: Overrides = (), *, best: bool = False) -> dict[str, Any]:
    """Measure a finished run's network on all its test images, in float32.

    Args:
        run: the run.
        overrides: as for `open_test_data`.
        best: measure the network of the best epoch rather than the final one.

    Returns:
        The metrics, NaN where undefined; `images`, `seconds`, `data` (`name`, and `differences` from what the run was
        trained on, in sentences); and of a classifier `classes`, the accuracy by class name; `tally`, the confusion
        matrix (rows are labels, columns what the network predicts), or a 2x2 table for each independent label;
        `by_class`, for each class or label `examples`, `precision`, `recall`, `f1`, `auroc` and `average_precision`,
        None where undefined; and `undefined`, what is left out of the means over classes, in sentences.

    Raises:
        KresnetError: `run_missing`, what `load_model` raises, or what `open_test_data` raises.
    """
    plan, recipe = run.resolved.plan, run.resolved.recipe
    path = run.require_best_model() if best else run.model
    data, differences = open_test_data(run, overrides)
    return measure(path, plan, recipe, data, differences)


def measure(path: Path, plan: Plan, recipe: Recipe, data: DataSet, differences: Sequence[str] = ()) -> dict[str, Any]:
    """Measure the network in a file on the test images of a data set.

    Args:
        path: the `.keras` file.
        plan: the plan of its network.
        recipe: what says the loss and the batches.
        data: the data set, whose targets suit the network.
        differences: what tells the data from those that it was trained on.

    Returns:
        As `evaluate`.
    """
    model = load_model(path, plan)
    goal = resolve_objective(plan, recipe)
    engine = Engine(Trainer(model, loss=make_loss(goal)), tf.distribute.get_strategy())
    began = time.perf_counter()
    with naming_unreadable_images(data.test):
        wanted = (*epoch_metrics(plan, recipe), *goal.output_metrics)
        measured = measure_split(engine, data.test, goal, recipe.batch_size, wanted=wanted)
    result: dict[str, Any] = {**measured.metrics, "images": len(data.test), "seconds": time.perf_counter() - began}
    result["data"] = {"name": data.name, "differences": list(differences)}
    if (matrix := measured.confusion_matrix) is not None:
        names = data.class_names
        result |= {"classes": accuracy_by_class_name(matrix, names), "tally": matrix.tolist()}
        result |= {"by_class": scores_by_class(goal, matrix, measured.found, names)}
        result |= {"undefined": undefined_remarks(matrix, names)}
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
    data, differences = open_test_data(run)
    if differences:
        message = f"{data.name} is no longer what {run} was trained on."
        raise make_error("data_mismatch", message, path="recipe.data", remedy="the data as they were")
    model, goal = load_model(path, plan), resolve_objective(plan, recipe)
    measure_batch = tf.function(partial(_measure_batch, model, make_loss(goal), goal), reduce_retracing=True)
    began = time.perf_counter()
    sums, confidences = MetricSums(), []
    with naming_unreadable_images(data.test):
        for images, targets in evaluation_batches(data.test, recipe.batch_size):
            batch_sums, outputs, batch_confidences = measure_batch(images, targets)
            sums.add(batch_sums)
            sums.keep(outputs.numpy(), targets.numpy())
            confidences.append(batch_confidences.numpy())
    matrix, found = sums.confusion_matrix(), ExampleOutputs(sums.outputs(), sums.targets())
    metrics = sums.means()
    if matrix is not None:
        metrics |= metrics_of_matrix(matrix, epoch_metrics(plan, recipe))
    return Evaluation(
        kind=_target_kind(goal),
        model=path.name,
        images=len(data.test),
        seconds=time.perf_counter() - began,
        metrics=metrics | metrics_of_outputs(goal, found),
        class_names=data.class_names,
        confusion_matrix=matrix,
        mistakes=tuple(most_confident_mistakes(model, goal, data, np.concatenate(confidences))),
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


def _target_kind(goal: Objective) -> Literal["classes", "labels", "values"]:
    return "values" if goal.classes is None else "labels" if goal.independent else "classes"


def _measure_batch(
    model: keras.Model, loss: LossFunction, goal: Objective, images: Any, targets: Any
) -> tuple[dict[str, Any], Any, Any]:
    """Return the sums over a batch, the network's outputs, and of each example how confidently it is wrong."""
    outputs = model(tf.cast(images, tf.float32), training=False)
    sums = sum_batch(loss, outputs, targets, tf.ones(tf.shape(images)[0]))
    return sums, outputs, mistake_confidences(goal, outputs, targets)
