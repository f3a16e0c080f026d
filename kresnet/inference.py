"""Use a trained run: evaluate it on its test images, classify images with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.data.images import read_image
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError, Problem, fail
from kresnet.plan.objective import objective
from kresnet.spec.inputs import Input
from kresnet.training.classes import by_class_name
from kresnet.training.engine import Engine
from kresnet.training.losses import make_loss
from kresnet.training.run import Run
from kresnet.training.trainer import Trainer
from kresnet.weights.convert import load_model


def evaluate(run: Run) -> dict[str, Any]:
    """The metrics of a finished run's model over its test images, in float32, and what it makes of each class.

    Returns:
        The metrics; `images`, `seconds`; and of a classifier `classes`, the accuracy by class name, and `tally`, the
        confusion matrix (rows are labels, columns what the model says), or a 2x2 table for each independent label.

    Raises:
        KresnetError: `run_missing`, what `load_model` raises, or what opening the data raises.
    """
    plan, recipe = run.plan(), run.recipe()
    model = load_model(run.model, plan)
    data = open_data(recipe.data, run.spec().input)
    loss = make_loss(objective(plan, recipe))
    engine = Engine(Trainer(model, loss=loss), tf.distribute.get_strategy())
    began = time.perf_counter()
    batches = evaluation_batches(data.test, recipe.batch_size)
    metrics, tally = engine.evaluate_by_class(batches, recipe.batch_size)
    seconds = time.perf_counter() - began
    by_class = {} if tally is None else {"classes": by_class_name(tally, data.class_names), "tally": tally.tolist()}
    return {**metrics, "images": len(data.test), "seconds": seconds, **by_class}


def sample_images(run: Run, count: int) -> np.ndarray:
    """The first `count` test images of a run's data, uint8 `(count, H, W, C)`, as evaluation reads them."""
    data = open_data(run.recipe().data, run.spec().input)
    images, _ = next(iter(evaluation_batches(data.test, count)))
    return images.numpy()


def predict(run: Run, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Classify image files, each brought to the network's size as evaluation does.

    Returns:
        A mapping an image: `image` (its path), `class_id`, `label`, `probability`, and `probabilities` by class name.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `image_unreadable` (all unreadable images at once).
    """
    spec, plan, names = run.spec(), run.plan(), run.data()["class_names"]
    if plan.probabilities is None or not spec.input.is_image:
        raise fail("contradiction", f"{run} holds no classifier of images.", remedy="keras.models.load_model")
    images = _read_all(paths, spec.input)
    logits = load_model(run.model, plan)(images.astype(np.float32), training=False)
    scale = tf.nn.sigmoid if plan.probabilities == "sigmoid" else tf.nn.softmax
    return [_answer(path, row, names) for path, row in zip(paths, np.asarray(scale(logits)), strict=True)]


def _read_all(paths: Sequence[Path], input: Input) -> np.ndarray:
    """All images, uint8 `(N, H, W, C)`; what is wrong with any of them is told together."""
    images: list[np.ndarray] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            images.append(read_image(path, input))
        except KresnetError as error:
            problems += error.problems
    if problems:
        raise KresnetError(problems)
    return np.stack(images)


def _answer(path: Path, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    best = int(probabilities.argmax())
    label = names[best] if best < len(names) else str(best)
    by_name = {name: float(value) for name, value in zip(names, probabilities, strict=False)}
    return {
        "image": str(path),
        "class_id": best,
        "label": label,
        "probability": float(probabilities[best]),
        "probabilities": by_name,
    }
