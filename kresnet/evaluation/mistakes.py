"""The test images that a network gets wrong while it is surest of itself, with their pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from kresnet.data.sources import DataSet
from kresnet.evaluation.evaluation import MAX_MISTAKES, Mistake
from kresnet.plan.objective import Objective

#: Height and width, in pixels, that a picture has at most; smaller images are kept as they are.
MAX_PICTURE_SIDE = 160
#: How many numbers of a vector or of a target are written out.
MAX_NUMBERS = 6


def mistake_confidences(objective: Objective, outputs: Any, targets: Any) -> Any:
    """Return how confidently each example is wrong, float32 `(n,)`, 0 where it is right; graph code.

    `Mistake.confidence` says what the number means for classes, labels and values.
    """
    probabilities = _probabilities(objective, outputs)
    if objective.classes is None:
        return tf.reduce_mean(tf.abs(outputs - targets), axis=list(range(1, outputs.shape.rank)))
    if objective.independent:
        distance = tf.reduce_max(tf.abs(probabilities - targets), axis=-1)
        return tf.where(distance > 0.5, distance, 0.0)
    wrong = tf.argmax(outputs, axis=-1, output_type=targets.dtype) != targets
    return tf.where(wrong, tf.reduce_max(probabilities, axis=-1), 0.0)


def _probabilities(objective: Objective, outputs: Any) -> Any:
    """Return the probability of each class or label; the outputs themselves where there are no classes."""
    if objective.classes is None:
        return outputs
    return tf.nn.sigmoid(outputs) if objective.independent else tf.nn.softmax(outputs)


def most_confident_mistakes(
    forward: Callable[[Any], Any], objective: Objective, data: DataSet, confidences: np.ndarray, scale: np.ndarray
) -> list[Mistake]:
    """Read the images of the most confident mistakes, and run them through the network once more.

    Args:
        forward: what computes the network's outputs.
        objective: of the run.
        data: whose test split was evaluated.
        confidences: `mistake_confidences` of every test image, in order, float32 `(N,)`.
        scale: the temperatures that outputs are divided by, float32; 1 where there are none.

    Returns:
        At most `MAX_MISTAKES`, the most confident first.
    """
    order = np.argsort(-np.nan_to_num(confidences, nan=np.inf), kind="stable")[:MAX_MISTAKES]
    positions = order[~(confidences[order] == 0)]
    if not len(positions):
        return []
    images, targets = data.test.fetch(tf.constant(positions, tf.int64))
    outputs = _probabilities(objective, forward(tf.cast(images, tf.float32)) / scale).numpy()
    is_image, names = data.test.input.is_image, data.class_names
    return [
        Mistake(
            position=int(position),
            name=data.test.example_name(int(position)),
            **_truth_and_prediction(objective, names, outputs[n], targets.numpy()[n]),
            confidence=float(confidences[position]),
            picture=picture_uri(images.numpy()[n]) if is_image else None,
        )
        for n, position in enumerate(positions)
    ]


def _truth_and_prediction(
    objective: Objective, names: Sequence[str], output: np.ndarray, target: np.ndarray
) -> dict[str, str]:
    """Return what is right and what the network predicts, in words."""
    if objective.classes is None:
        return {"truth": _format_numbers(target), "prediction": _format_numbers(output)}
    if not objective.independent:
        return {"truth": names[int(target)], "prediction": names[int(output.argmax())]}
    worst = int(np.abs(output - target).argmax())
    states = ("without", "with")
    present, predicted = bool(target[worst] > 0.5), bool(output[worst] > 0.5)
    return {"truth": f"{states[present]} {names[worst]}", "prediction": f"{states[predicted]} {names[worst]}"}


def _format_numbers(values: np.ndarray) -> str:
    flat = values.ravel()
    return ", ".join(f"{value:.3g}" for value in flat[:MAX_NUMBERS]) + ", ..." * (len(flat) > MAX_NUMBERS)


def picture_uri(pixels: np.ndarray) -> str:
    """Return an image, uint8 `(H, W, C)`, as the `data:` URI of a WebP file.

    Of an image with other than 3 channels, the first channel is shown in grey.
    """
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
    small = max(image.size) <= MAX_PICTURE_SIDE // 2
    image.thumbnail((MAX_PICTURE_SIDE, MAX_PICTURE_SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=small, quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
