"""Classify images with a trained network; importing this imports TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.data.images import image_from_array, read_image
from kresnet.errors import KresnetError, Problem, make_error
from kresnet.plan import Plan
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input
from kresnet.weights.convert import load_model

#: An image file, or its pixels.
ImageLike = str | os.PathLike[str] | np.ndarray

#: How many images are predicted at once.
BATCH_SIZE = 64


def predict(
    origin: TrainedModel, images: Sequence[ImageLike], model: keras.Model | None = None
) -> list[dict[str, Any]]:
    """Classify images, each brought to the network's size as evaluation does.

    Args:
        origin: the network on disk.
        images: image files, and arrays as `kresnet.data.images.image_from_array` takes them.
        model: the network, where it has been loaded already.

    Returns:
        A mapping an image: `image` (its path, or its number), `class_id`, `label`, `probability`, and `probabilities`
        by class name.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `image_unreadable`, `data_mismatch` (all such images at once).
    """
    spec, plan = origin.spec, origin.plan
    require_image_classifier(plan, spec, str(origin.run or origin.model))
    pixels, model = read_images(images, spec.input), model or load_model(origin.model, plan)
    batches = [pixels[start : start + BATCH_SIZE].astype(np.float32) for start in range(0, len(pixels), BATCH_SIZE)]
    rows = np.concatenate([class_probabilities(plan, model(batch, training=False)) for batch in batches])
    named = zip(image_names(images), rows, strict=True)
    return [prediction_as_dict(image, row, origin.class_names) for image, row in named]


def image_names(images: Sequence[ImageLike]) -> list[str | int]:
    """Return the path of each image file, and the number, counted from 0, of each array."""
    return [number if isinstance(image, np.ndarray) else str(image) for number, image in enumerate(images)]


def require_image_classifier(plan: Plan, spec: Spec, where: str) -> None:
    """Make sure that the network classifies images.

    Raises:
        KresnetError: `contradiction`, naming `where` it is kept.
    """
    if plan.probabilities is None or not spec.input.is_image:
        raise make_error("contradiction", f"{where} holds no classifier of images.", remedy="keras.models.load_model")


def class_probabilities(plan: Plan, logits: tf.Tensor) -> np.ndarray:
    """Return the probability of each class, float32 `(N, classes)`, from logits of the same shape."""
    activation = tf.nn.sigmoid if plan.probabilities == "sigmoid" else tf.nn.softmax
    return np.asarray(activation(logits))


def read_images(images: Sequence[ImageLike], input: Input) -> np.ndarray:
    """Read all images, files and arrays, as the network takes them, uint8 `(N, H, W, C)`.

    Raises:
        KresnetError: `file_missing`, `image_unreadable`, `data_mismatch`; the problems of all images together.
    """
    pixels: list[np.ndarray] = []
    problems: list[Problem] = []
    for number, image in enumerate(images):
        try:
            if isinstance(image, np.ndarray):
                pixels.append(image_from_array(image, input, f"image {number}"))
            else:
                pixels.append(read_image(image, input))
        except KresnetError as error:
            problems += error.problems
    if problems:
        raise KresnetError(problems)
    return np.stack(pixels)


def prediction_as_dict(image: str | int, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Return what `predict` returns for one image, from the probabilities of its classes, float32 `(classes,)`."""
    best = int(probabilities.argmax())
    by_name = {name: float(value) for name, value in zip(names, probabilities, strict=False)}
    return {
        "image": image,
        "class_id": best,
        "label": class_name(best, names),
        "probability": float(probabilities[best]),
        "probabilities": by_name,
    }


def class_name(class_id: int, names: Sequence[str]) -> str:
    """Return the name of a class; its number where it has none."""
    return names[class_id] if class_id < len(names) else str(class_id)
