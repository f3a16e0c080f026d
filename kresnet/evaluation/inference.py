"""Use a trained run: evaluate it on its test images, classify images with it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.data.images import read_image, take_image
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError, Problem, make_error
from kresnet.evaluation.per_class import by_class_name
from kresnet.plan import Plan
from kresnet.plan.objective import objective
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input
from kresnet.training.step.engine import Engine
from kresnet.training.step.losses import make_loss
from kresnet.training.step.trainer import Trainer
from kresnet.weights.convert import load_model

#: An image file, or its pixels.
Picture = str | os.PathLike[str] | np.ndarray

#: Images that are predicted at once.
BATCH = 64


def evaluate(run: RunDirectory) -> dict[str, Any]:
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


def sample_images(run: RunDirectory, count: int) -> np.ndarray:
    """The first `count` test images of a run's data, uint8 `(count, H, W, C)`, as evaluation reads them."""
    data = open_data(run.recipe().data, run.spec().input)
    images, _ = next(iter(evaluation_batches(data.test, count)))
    return images.numpy()


def predict(run: RunDirectory, images: Sequence[Picture], model: keras.Model | None = None) -> list[dict[str, Any]]:
    """Classify images, each brought to the network's size as evaluation does.

    Args:
        run: a finished run.
        images: image files, and arrays as `kresnet.data.images.take_image` takes them.
        model: the run's, where it has been loaded already.

    Returns:
        A mapping an image: `image` (its path, or its number), `class_id`, `label`, `probability`, and `probabilities`
        by class name.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `image_unreadable`, `data_mismatch` (all such images at once).
    """
    spec, plan, names = run.spec(), run.plan(), run.data()["class_names"]
    require_image_classifier(plan, spec, str(run))
    pixels, model = read_images(images, spec.input), model or load_model(run.model, plan)
    batches = [pixels[start : start + BATCH].astype(np.float32) for start in range(0, len(pixels), BATCH)]
    rows = np.concatenate([probabilities(plan, model(batch, training=False)) for batch in batches])
    return [prediction(image, row, names) for image, row in zip(image_names(images), rows, strict=True)]


def image_names(images: Sequence[Picture]) -> list[str | int]:
    """The paths of image files, and the numbers, counted from 0, of arrays."""
    return [number if isinstance(image, np.ndarray) else str(image) for number, image in enumerate(images)]


def require_image_classifier(plan: Plan, spec: Spec, where: str) -> None:
    """Make sure that the network classifies images.

    Raises:
        KresnetError: `contradiction`, naming `where` it is kept.
    """
    if plan.probabilities is None or not spec.input.is_image:
        raise make_error("contradiction", f"{where} holds no classifier of images.", remedy="keras.models.load_model")


def probabilities(plan: Plan, logits: tf.Tensor) -> np.ndarray:
    """What logits `(N, classes)` say of each class, float32 `(N, classes)`."""
    scale = tf.nn.sigmoid if plan.probabilities == "sigmoid" else tf.nn.softmax
    return np.asarray(scale(logits))


def read_images(images: Sequence[Picture], input: Input) -> np.ndarray:
    """All images, files and arrays, as the network takes them, uint8 `(N, H, W, C)`.

    Raises:
        KresnetError: `file_missing`, `image_unreadable`, `data_mismatch`; what is wrong with any is told together.
    """
    found: list[np.ndarray] = []
    problems: list[Problem] = []
    for number, image in enumerate(images):
        try:
            if isinstance(image, np.ndarray):
                found.append(take_image(image, input, f"image {number}"))
            else:
                found.append(read_image(image, input))
        except KresnetError as error:
            problems += error.problems
    if problems:
        raise KresnetError(problems)
    return np.stack(found)


def prediction(image: str | int, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """What `predict` says of an image whose classes have these probabilities, float32 `(classes,)`."""
    best = int(probabilities.argmax())
    by_name = {name: float(value) for name, value in zip(names, probabilities, strict=False)}
    return {
        "image": image,
        "class_id": best,
        "label": label(best, names),
        "probability": float(probabilities[best]),
        "probabilities": by_name,
    }


def label(class_id: int, names: Sequence[str]) -> str:
    """The name of a class; its number where it has none."""
    return names[class_id] if class_id < len(names) else str(class_id)
