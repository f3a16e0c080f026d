"""Look at a run's test images with its model, once; importing this imports TensorFlow."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import make_error
from kresnet.evaluation.evaluation import MOST_MISTAKES, Evaluation, Mistake
from kresnet.plan.objective import Objective, objective
from kresnet.runs.run_directory import RunDirectory
from kresnet.training.step.losses import Loss, make_loss
from kresnet.weights.convert import load_model

#: Pictures are at most so high and wide, in pixels; smaller images are kept as they are.
MOST_PIXELS = 160
#: Numbers of a vector or of a target that are told.
MOST_NUMBERS = 6


def evaluate_in_detail(run: RunDirectory) -> Evaluation:
    """What the run's final network, or else its best epoch's, makes of all its test images.

    Raises:
        KresnetError: `run_missing`, `data_mismatch` if the data are not those of the run, and what reading the model
            or the data raises.
    """
    plan, recipe, spec = run.plan(), run.recipe(), run.spec()
    path = model_file(run)
    data = open_data(recipe.data, spec.input)
    if data.fingerprint != run.data()["fingerprint"]:
        message = f"{data.name} is no longer what {run} was trained on."
        raise make_error("data_mismatch", message, path="recipe.data", remedy="the data as they were")
    model, goal = load_model(path, plan), objective(plan, recipe)
    look = tf.function(partial(_batch_outputs, model, make_loss(goal), goal), reduce_retracing=True)
    began = time.perf_counter()
    sums: dict[str, Any] = {}
    surest: list[np.ndarray] = []
    with naming_unreadable_images(data.test):
        for images, targets in evaluation_batches(data.test, recipe.batch_size):
            found = look(images, targets)
            surest.append(found.pop("wrong_by").numpy())
            for name, value in found.items():
                value = value.numpy().astype(np.float64)
                sums[name] = sums[name] + value if name in sums else value
    tally = sums.pop("tally", None)
    return Evaluation(
        kind=_kind(goal),
        model=path.name,
        images=len(data.test),
        seconds=time.perf_counter() - began,
        metrics={name: float(total) / len(data.test) for name, total in sums.items()},
        class_names=data.class_names,
        tally=None if tally is None else tally.astype(np.int64),
        mistakes=tuple(_mistakes(model, goal, data, np.concatenate(surest))),
    )


def model_file(run: RunDirectory) -> Path:
    """The run's final model; while there is none, its best epoch's.

    Raises:
        KresnetError: `run_missing` if there is neither.
    """
    return run.best if run.best.is_file() and not run.model.is_file() else run.require_model().model


def _kind(goal: Objective) -> Literal["classes", "labels", "values"]:
    return "values" if goal.classes is None else "labels" if goal.independent else "classes"


def _batch_outputs(model: keras.Model, loss: Loss, goal: Objective, images: Any, targets: Any) -> dict[str, Any]:
    """Sums over a batch, the tally of classes, and of each example how surely it is wrong: 0 where it is right."""
    outputs = model(tf.cast(images, tf.float32), training=False)
    values = {"loss": loss.of(outputs, targets, training=False)} | loss.scores(outputs, targets, detailed=True)
    sums = {name: tf.reduce_sum(value) for name, value in values.items()}
    tally = loss.confusion_matrix(outputs, targets, tf.ones(tf.shape(images)[0]))
    if tally is not None:
        sums["tally"] = tally
    return sums | {"wrong_by": _wrong_by(goal, outputs, targets)}


def _wrong_by(goal: Objective, outputs: Any, targets: Any) -> Any:
    """How surely each example is wrong, float32 `(n,)`; see `Mistake.confidence`."""
    probabilities = _probabilities(goal, outputs)
    if goal.classes is None:
        return tf.reduce_mean(tf.abs(outputs - targets), axis=list(range(1, outputs.shape.rank)))
    if goal.independent:
        off = tf.reduce_max(tf.abs(probabilities - targets), axis=-1)
        return tf.where(off > 0.5, off, 0.0)
    wrong = tf.argmax(outputs, axis=-1, output_type=targets.dtype) != targets
    return tf.where(wrong, tf.reduce_max(probabilities, axis=-1), 0.0)


def _probabilities(goal: Objective, outputs: Any) -> Any:
    """Of each class or label; the outputs themselves where there are none."""
    if goal.classes is None:
        return outputs
    return tf.nn.sigmoid(outputs) if goal.independent else tf.nn.softmax(outputs)


def _mistakes(model: keras.Model, goal: Objective, data: DataSet, wrong_by: np.ndarray) -> list[Mistake]:
    """The surest mistakes, read and run through the network once more."""
    order = np.argsort(-np.nan_to_num(wrong_by, nan=np.inf), kind="stable")[:MOST_MISTAKES]
    positions = order[~(wrong_by[order] == 0)]
    if not len(positions):
        return []
    images, targets = data.test.fetch(tf.constant(positions, tf.int64))
    outputs = _probabilities(goal, model(tf.cast(images, tf.float32), training=False)).numpy()
    is_image, names = data.test.input.is_image, data.class_names
    return [
        Mistake(
            position=int(position),
            name=data.test.name_of(int(position)),
            **_words(goal, names, outputs[n], targets.numpy()[n]),
            confidence=float(wrong_by[position]),
            picture=picture(images.numpy()[n]) if is_image else None,
        )
        for n, position in enumerate(positions)
    ]


def _words(goal: Objective, names: Sequence[str], output: np.ndarray, target: np.ndarray) -> dict[str, str]:
    """The truth, and what the network says."""
    if goal.classes is None:
        return {"truth": _numbers(target), "said": _numbers(output)}
    if not goal.independent:
        return {"truth": names[int(target)], "said": names[int(output.argmax())]}
    worst = int(np.abs(output - target).argmax())
    states = ("without", "with")
    there, found = bool(target[worst] > 0.5), bool(output[worst] > 0.5)
    return {"truth": f"{states[there]} {names[worst]}", "said": f"{states[found]} {names[worst]}"}


def _numbers(values: np.ndarray) -> str:
    flat = values.ravel()
    return ", ".join(f"{value:.3g}" for value in flat[:MOST_NUMBERS]) + ", ..." * (len(flat) > MOST_NUMBERS)


def picture(pixels: np.ndarray) -> str:
    """An image uint8 `(H, W, C)` as the `data:` URI of a WebP file; of other than 3 channels the first, in grey."""
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
    small = max(image.size) <= MOST_PIXELS // 2
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    written = io.BytesIO()
    image.save(written, "WEBP", lossless=small, quality=85)
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
