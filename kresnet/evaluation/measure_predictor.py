"""Measure a network, wherever it runs, on a split; importing this imports TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.data.corruptions import FAMILIES, SMALL, corrupt_images
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.splits import Split, naming_unreadable_images
from kresnet.evaluation.per_class import accuracy_by_class_name
from kresnet.evaluation.predictor import Predictor
from kresnet.evaluation.reliability import (
    ReliabilityBin,
    calibration_metrics,
    predicted_probabilities,
    probabilities_of,
    reliability_bins,
)
from kresnet.plan.objective import Objective
from kresnet.spec.recipe.metrics import Metric
from kresnet.training.step.losses import make_loss
from kresnet.training.step.metric_forms import ExampleOutputs
from kresnet.training.step.metric_sums import MetricSums, sum_batch
from kresnet.training.step.output_metrics import (
    metrics_of_matrix,
    metrics_of_outputs,
    metrics_of_sums,
    scores_by_class,
    undefined_remarks,
)

#: Changes the images of a batch, uint8 `(n, H, W, C)`, whose first is the split's image at a position.
ChangeImages = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True, slots=True)
class PredictorMeasurement:
    """What a pass of a network over a split found.

    Attributes:
        metrics: every metric by name; NaN where it is undefined.
        confusion_matrix: int64 counts of `LossFunction.confusion_matrix`; None for values.
        scaled: outputs of all examples, of a calibrated network divided by its temperatures, and targets, in order.
        seconds: how long the pass took.
    """

    metrics: dict[str, float]
    confusion_matrix: np.ndarray | None
    scaled: ExampleOutputs
    seconds: float

    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """Return the bins of a classifier's reliability diagram; none where an output is not finite."""
        if self.confusion_matrix is None or not np.isfinite(self.scaled.outputs).all():
            return ()
        probabilities = probabilities_of(self.scaled.outputs, self.scaled.targets.ndim > 1)
        return tuple(reliability_bins(*predicted_probabilities(probabilities, self.scaled.targets)))


def run_predictor(
    predictor: Predictor,
    objective: Objective,
    split: Split,
    batch_size: int,
    change: ChangeImages | None = None,
    wanted: Collection[Metric] = (),
) -> tuple[MetricSums, ExampleOutputs]:
    """Pass a split through a network.

    Args:
        predictor: the network.
        objective: says the loss and the metrics of single examples.
        split: the split, whose targets are the network's.
        batch_size: examples that are read at once.
        change: changes the images before the network sees them.
        wanted: metrics beside those that are always measured.

    Returns:
        Sums of the metrics of single examples, and outputs and targets of all examples, in order.

    Raises:
        KresnetError: `image_unreadable`.
    """
    loss = make_loss(objective, metrics=wanted)
    sums, position = MetricSums(), 0
    with naming_unreadable_images(split):
        for images, targets in evaluation_batches(split, batch_size):
            seen = change(images.numpy(), position) if change else images
            outputs = predictor.outputs(seen)
            sums.add(sum_batch(loss, tf.constant(outputs), targets, tf.ones(len(outputs))))
            sums.keep(outputs, targets.numpy())
            position += len(outputs)
    return sums, ExampleOutputs(sums.outputs(), sums.targets(), independent=objective.independent)


def measure_predictor(
    predictor: Predictor, objective: Objective, split: Split, batch_size: int, wanted: Collection[Metric] = ()
) -> PredictorMeasurement:
    """Measure a network on all examples of a split.

    `loss` and the metrics of the confusion matrix are of the outputs as they are; those that judge probabilities or
    rank them (`negative_log_likelihood`, the calibration errors, AUROC, average precision) are of calibrated
    probabilities, where the network is calibrated.

    Args:
        predictor: the network.
        objective: as for `run_predictor`.
        split: as for `run_predictor`.
        batch_size: as for `run_predictor`.
        wanted: metrics beside those that are always measured.

    Raises:
        KresnetError: `image_unreadable`.
    """
    began = time.perf_counter()
    sums, found = run_predictor(predictor, objective, split, batch_size, wanted=wanted)
    seconds = time.perf_counter() - began
    return measurement_of_sums(sums, found, objective, predictor.temperatures, wanted, seconds)


def measurement_of_sums(
    sums: MetricSums,
    found: ExampleOutputs,
    objective: Objective,
    temperatures: Sequence[float] | None,
    wanted: Collection[Metric] = (),
    seconds: float = 0.0,
) -> PredictorMeasurement:
    """Return what a pass found, from its sums and all its outputs.

    Args:
        sums: sums of the metrics of single examples.
        found: outputs and targets of all examples.
        objective: as for `run_predictor`.
        temperatures: by which the network is calibrated; None where it is not.
        wanted: as for `measure_predictor`.
        seconds: how long the pass took.
    """
    metrics, matrix = sums.means() | metrics_of_sums(sums, wanted), sums.confusion_matrix()
    scaled = found
    if temperatures is not None:
        scaled = replace(found, outputs=found.outputs / np.asarray(temperatures, np.float32))
    metrics |= metrics_of_outputs(objective, scaled, wanted)
    if matrix is not None:
        metrics |= metrics_of_matrix(matrix, wanted)
        if np.isfinite(scaled.outputs).all():
            metrics |= calibration_metrics(scaled.outputs, scaled.targets)
        else:
            metrics |= dict.fromkeys(("calibration_error", "adaptive_calibration_error"), float("nan"))
    return PredictorMeasurement(metrics, matrix, scaled, seconds)


def measurement_as_dict(predictor: Predictor, objective: Objective, measured: PredictorMeasurement) -> dict[str, Any]:
    """Return a measurement as `kresnet.evaluate` does, without what it says of the data."""
    result: dict[str, Any] = {
        **measured.metrics,
        "images": len(measured.scaled.targets),
        "seconds": measured.seconds,
    }
    if (matrix := measured.confusion_matrix) is None:
        return result
    names = predictor.class_names
    return result | {
        "classes": accuracy_by_class_name(matrix, names),
        "tally": matrix.tolist(),
        "by_class": scores_by_class(objective, matrix, measured.scaled, names),
        "undefined": undefined_remarks(matrix, names),
        "temperatures": list(predictor.temperatures) if predictor.temperatures else None,
        "reliability": [each.as_dict() for each in measured.reliability()],
    }


def measure_corruptions(
    predictor: Predictor,
    objective: Objective,
    split: Split,
    batch_size: int,
    corruptions: Mapping[str, Sequence[int]],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure a network on corrupted copies of a split, as Hendrycks and Dietterich 2019 (arXiv:1903.12261) do.

    Args:
        predictor: the network.
        objective: as for `run_predictor`.
        split: as for `run_predictor`.
        batch_size: as for `run_predictor`.
        corruptions: severities by kind, as `kresnet.data.corruptions.parse_corruptions` returns them.
        tell: takes a line after each kind.

    Returns:
        `metric` (what an error is: `1 - accuracy`, or `absolute_error` of values), `strengths` (whose: `CIFAR-C` or
        `ImageNet-C`), `kinds` (by name, `family`, `errors` by severity, and `mean`), `families` (means over their
        kinds) and `mean` over all kinds. Errors are not divided by those of another network, as the paper's mCE is.

    Raises:
        KresnetError: `image_unreadable`.
    """
    kinds: dict[str, dict[str, Any]] = {}
    metric = "absolute_error" if objective.classes is None else "accuracy"
    for kind, severities in corruptions.items():
        errors: dict[str, float] = {}
        for severity in severities:

            def change(images: np.ndarray, first: int, kind: str = kind, severity: int = severity) -> np.ndarray:
                return corrupt_images(images, kind, severity, range(first, first + len(images)))

            value = run_predictor(predictor, objective, split, batch_size, change)[0].means()[metric]
            errors[str(severity)] = value if metric == "absolute_error" else 1 - value
        family = next(name for name, members in FAMILIES.items() if kind in members)
        kinds[kind] = {"family": family, "errors": errors, "mean": float(np.mean(list(errors.values())))}
        tell(f"{kind.replace('_', ' ')}: mean error {kinds[kind]['mean']:.4f}")
    families = {
        family: float(np.mean([kinds[kind]["mean"] for kind in members if kind in kinds]))
        for family, members in FAMILIES.items()
        if any(kind in kinds for kind in members)
    }
    return {
        "metric": "absolute_error" if metric == "absolute_error" else "1 - accuracy",
        "strengths": "CIFAR-C" if min(split.image_shape[:2]) <= SMALL else "ImageNet-C",
        "kinds": kinds,
        "families": families,
        "mean": float(np.mean([each["mean"] for each in kinds.values()])),
    }


__all__ = [
    "PredictorMeasurement",
    "measure_corruptions",
    "measure_predictor",
    "measurement_as_dict",
    "measurement_of_sums",
    "run_predictor",
]
