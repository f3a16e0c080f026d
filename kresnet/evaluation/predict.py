"""Classify images with a trained network; importing this imports TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.data.file_batches import file_batches
from kresnet.data.images import image_from_array, read_image
from kresnet.errors import KresnetError, Problem, make_error
from kresnet.evaluation.predictor import Predictor, class_probabilities
from kresnet.plan import Plan
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input

#: An image file, or its pixels.
ImageLike = str | os.PathLike[str] | np.ndarray

#: How many images are predicted at once.
BATCH_SIZE = 64


@dataclass(frozen=True, slots=True)
class PredictedFiles:
    """What a network says of some image files.

    Attributes:
        paths: the files, `n` of them.
        probabilities: of each class, float32 `(n, classes)`; without meaning for an unreadable file.
        problems: why a file is unreadable, by its place.
        class_names: names of the classes, in order.
    """

    paths: tuple[str, ...]
    probabilities: np.ndarray
    problems: dict[int, Problem]
    class_names: tuple[str, ...]

    def as_dicts(self) -> Iterator[dict[str, Any]]:
        """Yield what `prediction_as_dict` makes of each file; of an unreadable one `image` and `error`, a problem."""
        for place, path in enumerate(self.paths):
            if problem := self.problems.get(place):
                yield {"image": path, "error": problem.as_dict()}
            else:
                yield prediction_as_dict(path, self.probabilities[place], self.class_names)


def predict(predictor: Predictor, images: Sequence[ImageLike]) -> list[dict[str, Any]]:
    """Classify images, each brought to the network's size as evaluation does.

    Args:
        predictor: the network.
        images: image files, and arrays as `kresnet.data.images.image_from_array` takes them.

    Returns:
        A mapping an image: `image` (its path, or its number), `class_id`, `label`, `probability`, and `probabilities`
        by class name.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `image_unreadable`, `data_mismatch` (all such images at once).
    """
    require_image_classifier(predictor.plan, predictor.spec, predictor.name)
    if len(images) > BATCH_SIZE and not any(isinstance(image, np.ndarray) for image in images):
        several = list(predict_files(predictor, map(os.fspath, images)))  # type: ignore[arg-type]
        if problems := [problem for batch in several for problem in batch.problems.values()]:
            raise KresnetError(problems)
        return [answer for batch in several for answer in batch.as_dicts()]
    pixels = read_images(images, predictor.spec.input)
    rows = [predictor.probabilities(pixels[at : at + BATCH_SIZE]) for at in range(0, len(pixels), BATCH_SIZE)]
    named = zip(image_names(images), np.concatenate(rows), strict=True)
    return [prediction_as_dict(image, row, predictor.class_names) for image, row in named]


def predict_files(predictor: Predictor, paths: Iterable[str]) -> Iterator[PredictedFiles]:
    """Classify image files in their order, some at a time; what is in memory does not grow with their number.

    Args:
        predictor: the network.
        paths: the files; read as they are needed. One that cannot be read is told in its place.

    Raises:
        KresnetError: `contradiction` if this is no classifier of images; what iterating `paths` raises.
    """
    require_image_classifier(predictor.plan, predictor.spec, predictor.name)
    for batch in file_batches(paths, predictor.spec.input, BATCH_SIZE):
        names = tuple(os.fsencode(path).decode(errors="backslashreplace") for path in batch.paths)
        yield PredictedFiles(names, predictor.probabilities(batch.images), batch.problems, predictor.class_names)


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


__all__ = [
    "BATCH_SIZE",
    "ImageLike",
    "PredictedFiles",
    "class_name",
    "class_probabilities",
    "image_names",
    "predict",
    "predict_files",
    "prediction_as_dict",
    "read_images",
    "require_image_classifier",
]
