"""The endpoints of an exported model, as functions that TensorFlow can trace.

Each calls the model with `training=False`, so that neither augmentation nor dropout is active; returns a dictionary,
so that no output is named `output_0`; and states the shape it takes with `tf.ensure_shape`, because the server never
compares a request's shape with the signature, and a wrong rank would reach a oneDNN check that aborts the process
(tensorflow/tensorflow#111453).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kresnet.export.contract import Shape, Signature, request_shape
from kresnet.spec.architecture import Classifier, Spec

Outputs = dict[str, tf.Tensor]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A function of one tensor that returns its outputs by name, and what that tensor is."""

    function: Callable[[tf.Tensor], Outputs]
    input: tf.TensorSpec


def endpoints(
    model: keras.Model, spec: Spec, class_names: tuple[str, ...], signatures: dict[str, Signature]
) -> dict[str, Endpoint]:
    """The endpoints that keep the contract of `signatures` (see `kresnet.export.contract.contract`).

    Args:
        model: float32 `(N, H, W, C)`, values 0-255, or `(N, D)`, to logits `(N, classes)` or the head's own outputs.
        spec: the network that `model` was built from.
        class_names: a name for each class, in order; read only where the head is a classifier.
        signatures: the contract.
    """
    answer = _classify(model, spec.head, class_names) if isinstance(spec.head, Classifier) else _features(model)

    def tensor(values: tf.Tensor) -> Outputs:
        return answer(_checked(values, request_shape(spec)))

    def encoded(values: tf.Tensor) -> Outputs:
        return answer(_decode(_checked(values, (None,)), spec))

    functions = {"serving_default": tensor, "image_bytes": encoded}
    return {name: Endpoint(functions[name], _input(signature)) for name, signature in signatures.items()}


def _input(signature: Signature) -> tf.TensorSpec:
    [(name, tensor)] = signature.inputs.items()
    return tf.TensorSpec(tensor.shape, tensor.dtype, name)


def _checked(values: tf.Tensor, shape: Shape) -> tf.Tensor:
    """`values`, or INVALID_ARGUMENT where they are not of `shape` or there are none (oneDNN takes no empty batch)."""
    values = tf.ensure_shape(values, shape)
    some = tf.debugging.assert_positive(tf.size(values), "The request is empty: send at least one row.")
    with tf.control_dependencies([some]):
        return tf.identity(values)


def _decode(encoded: tf.Tensor, spec: Spec) -> tf.Tensor:
    """Image files (N,) of any sizes -> float32 `(N, H, W, C)`, values 0-255, decoded and resized as evaluation does."""
    from kresnet.data.images import decode

    image = tf.TensorSpec(spec.input.shape, tf.uint8)
    images = tf.map_fn(lambda one: decode(one, spec.input), encoded, fn_output_signature=image)
    return tf.cast(images, tf.float32)


def _classify(model: keras.Model, head: Classifier, class_names: tuple[str, ...]) -> Callable[[tf.Tensor], Outputs]:
    def answer(images: tf.Tensor) -> Outputs:
        logits = tf.cast(model(images, training=False), tf.float32)  # (N, classes)
        class_id = tf.argmax(logits, axis=-1, output_type=tf.int64)  # (N,)
        return {
            "probabilities": tf.sigmoid(logits) if head.multi_label else tf.nn.softmax(logits),
            "class_id": class_id,
            "label": tf.gather(tf.constant(class_names), class_id),
            "logits": logits,
        }

    return answer


def _features(model: keras.Model) -> Callable[[tf.Tensor], Outputs]:
    def answer(images: tf.Tensor) -> Outputs:
        outputs = named(model, model(images, training=False))
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    return answer


def named(model: keras.Model, outputs: Any) -> dict[str, Any]:
    """A model's outputs by name: a dictionary's own names, a list's layer names, and `prediction` for a lone tensor."""
    if isinstance(outputs, dict):
        return outputs
    if isinstance(outputs, list | tuple):
        return dict(zip(model.output_names, outputs, strict=True))
    return {"prediction": outputs}
