"""Fit the temperatures of a run's network to images; importing this imports TensorFlow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.data.sources.other_data import MeasuredSplit
from kresnet.errors import make_error
from kresnet.evaluation.measure_predictor import run_predictor
from kresnet.evaluation.predictor import KerasPredictor
from kresnet.evaluation.reliability import calibration_metrics
from kresnet.evaluation.temperature import fit_temperatures
from kresnet.plan.objective import resolve_objective
from kresnet.runs.calibration import Calibration
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.recipe import Recipe


def fit_calibration(origin: TrainedModel, data: MeasuredSplit, recipe: Recipe) -> Calibration:
    """Return the temperatures that fit a classifier's logits to a split, and what they change.

    Args:
        origin: the network.
        data: the split, whose targets are the network's.
        recipe: what says the loss and the batches.

    Raises:
        KresnetError: `image_unreadable`; `diverged` where a logit is not finite; what `fit_temperatures` raises.
    """
    predictor = KerasPredictor(replace(origin, calibration=None))
    objective = resolve_objective(origin.plan, recipe)
    _, found = run_predictor(predictor, objective, data.split, recipe.images_per_step)
    if not np.isfinite(found.outputs).all():
        message = f"{origin.model} answers with logits that are not finite."
        raise make_error("diverged", message, remedy="a network that has learned")
    fit = fit_temperatures(found.outputs, found.targets)
    notes = []
    if data.split_name == "train":
        notes.append("The network was trained on these images, and is surer of them than of others.")
    if fit.undecided:
        names = enumerate_names([origin.class_names[label] for label in fit.undecided])
        notes.append(f"These images tell no temperature of {names}, which is left at 1.")
    return Calibration(
        temperatures=tuple(fit.temperatures.tolist()),
        weights=origin.provenance["sha256"],
        data=data.name,
        split=data.split_name,
        images=len(found.targets),
        before=calibration_metrics(found.outputs, found.targets),
        after=calibration_metrics(found.outputs, found.targets, fit.temperatures),
        notes=tuple(notes),
    )


__all__ = ["fit_calibration"]
