"""A trained network as predictions and evaluations use it, wherever it runs; importing this imports TensorFlow."""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.graph.fake_quantization import rounded_forward
from kresnet.plan import Plan
from kresnet.runs.activation_ranges import read_activation_ranges
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.architecture import Spec
from kresnet.weights.convert import load_model


class Predictor(abc.ABC):
    """A network that answers batches of inputs.

    Attributes:
        spec: the network's spec.
        plan: the plan of the spec.
        class_names: names of the classes, in order; empty where the head is not a classifier.
        name: what messages call it.
        temperatures: what the logits are divided by before they become probabilities, one number or one for each
            label; None for an uncalibrated network.
    """

    spec: Spec
    plan: Plan
    class_names: tuple[str, ...]
    name: str
    temperatures: tuple[float, ...] | None

    @abc.abstractmethod
    def outputs(self, inputs: Any) -> np.ndarray:
        """Return the network's outputs, of a classifier its logits, float32 `(N, ...)`.

        Args:
            inputs: images, uint8 `(N, H, W, C)`, or vectors, float32 `(N, length)`.
        """

    @abc.abstractmethod
    def probabilities(self, inputs: Any) -> np.ndarray:
        """Return a classifier's probability of each class, calibrated where it is, float32 `(N, classes)`."""


class KerasPredictor(Predictor):
    """A network of a `.keras` file, run by Keras in float32 as `trained_forward` says."""

    def __init__(self, origin: TrainedModel, model: keras.Model | None = None) -> None:
        """Take the network on disk, and the model where it has been loaded already."""
        self.spec, self.plan, self.class_names = origin.spec, origin.plan, origin.class_names
        self.name, self.temperatures = str(origin.run or origin.model), origin.temperatures
        self.model = model or load_model(origin.model, origin.plan)
        self._forward = trained_forward(origin, self.model)
        self._calls = 0
        self._compiled = tf.function(self._run, reduce_retracing=True, autograph=False)

    def outputs(self, inputs: Any) -> np.ndarray:
        """See `Predictor.outputs`."""
        return np.asarray(self._outputs(inputs))

    def probabilities(self, inputs: Any) -> np.ndarray:
        """See `Predictor.probabilities`."""
        return class_probabilities(self.plan, self._outputs(inputs), self.temperatures)

    def _outputs(self, inputs: Any) -> tf.Tensor:
        self._calls += 1
        # Tracing takes longer than a batch or two, which is all that most predictions are.
        return (self._compiled if self._calls > 1 else self._run)(tf.cast(inputs, tf.float32))

    def _run(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._forward(inputs)


def trained_forward(origin: TrainedModel, model: keras.Model) -> Callable[[Any], Any]:
    """Return what computes a trained network's outputs in inference, from images `(n, H, W, C)`, float32.

    A network that its run trained for integers is rounded as it was then, with the ranges that belong to its weights:
    so it is what training has measured.

    Args:
        origin: where the network comes from.
        model: the network.
    """
    if ranges := read_activation_ranges(origin.model):
        return rounded_forward(model, origin.plan, ranges)
    return partial(model, training=False)


def class_probabilities(plan: Plan, logits: Any, temperatures: tuple[float, ...] | None = None) -> np.ndarray:
    """Return the probability of each class, float32 `(N, classes)`, from logits of the same shape.

    Args:
        plan: plan of the network, which says whether classes exclude each other.
        logits: what the network returns.
        temperatures: what the logits are divided by first; None to take them as they are.
    """
    activation = tf.nn.sigmoid if plan.probabilities == "sigmoid" else tf.nn.softmax
    return np.asarray(activation(logits if temperatures is None else logits / np.asarray(temperatures, np.float32)))


__all__ = ["KerasPredictor", "Predictor", "class_probabilities", "trained_forward"]
