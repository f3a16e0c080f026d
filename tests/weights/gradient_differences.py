"""How far two networks are apart: outputs, and gradients of one loss by every weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.graph.layers import FusedBatchNorm, NormalizePixels
from kresnet.weights.files.tensor import to_parameter
from kresnet.weights.matching import WeightMatch


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference over the largest value."""
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


Gradients = dict[str, np.ndarray]


def outputs_and_gradients(
    model: Any, images: np.ndarray, targets: np.ndarray
) -> Iterator[tuple[np.ndarray, Gradients]]:
    """For each image its logits `(classes,)`, and the gradients of `sum(logits * targets)` by `LAYER/WEIGHT`.

    Image by image and in inference mode: float32 gives two ways of computing one network the same gradient everywhere
    but at a kink, where a ReLU's input is within rounding of zero. A batch of images hides which of them stands at one.
    """
    leaves = [layer for layer in model._flatten_layers(include_self=False) if not list(layer._layers)]
    names = {id(weight): f"{layer.name}/{_named(weight)}" for layer in leaves for weight in layer.weights}
    weights = {names[id(weight)]: weight.value for weight in model.trainable_variables}

    for image, target in zip(images, targets, strict=True):
        with tf.GradientTape() as tape:  # op by op: a graph takes longer to make than these few images do
            logits = model(image[None], training=False)[0]
            loss = tf.reduce_sum(logits * target)
        gradients = tape.gradient(loss, weights)
        yield logits.numpy(), {name: gradient.numpy() for name, gradient in gradients.items()}


def _named(weight: Any) -> str:
    """A weight's name in a file: Keras gives the factors of its own LayerScale none."""
    return "gamma" if weight.name.startswith("variable") else weight.name


def in_float64(model: keras.Model) -> keras.Model:
    """A copy that computes in float64, stock batch norm for fused and pixels taken as already normalised.

    Where float32 leaves it open on which side of a kink a number falls, float64 does not: two descriptions of one
    network then have one gradient.
    """

    def copied(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):  # an operation, which computes in the type of what it takes
            return type(layer).from_config(layer.get_config())
        if isinstance(layer, NormalizePixels):
            return keras.layers.Identity(name=layer.name, dtype="float64")
        kind = keras.layers.BatchNormalization if isinstance(layer, FusedBatchNorm) else type(layer)
        return kind.from_config(layer.get_config() | {"dtype": "float64"})

    inputs = keras.Input(model.inputs[0].shape[1:], dtype="float64")
    copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=copied)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:  # numbers that Keras would round to float32 first
        if isinstance(layer, keras.layers.Rescaling):
            layer.scale, layer.offset = (np.asarray(each, np.float64) for each in (layer.scale, layer.offset))
        elif isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes by what it makes of its weights
            if layer.input_mean is not None:
                stated = (layer.input_mean, layer.input_variance)
                layer.mean, layer.variance = (np.asarray(each, np.float64) for each in stated)
    return copy


def gradient_difference(found: WeightMatch, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """The largest relative difference of any weight's gradient; theirs come by tensor name, in their arrangement."""
    differences = []
    for target, tensor in found.pairs:
        if not target.parameter.trainable:
            continue
        other = to_parameter(theirs[tensor.name], target.parameter, found.source.format, target.map_shape)
        differences.append(relative(ours[target.name], other))
    assert len(differences) == len(ours) == len(theirs)
    return max(differences)
