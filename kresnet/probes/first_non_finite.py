"""Finds where numbers stop being finite: the batch of a step is run again, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.plan import Plan
from kresnet.probes.block_paths import Edge
from kresnet.probes.probe import Probe
from kresnet.probes.replay import ReplayResult


class NonFiniteProbe(Probe):
    """Measures of every layer whether its weights, its output, and the gradients of both are finite."""

    def __init__(self, plan: Plan, network: keras.Model) -> None:
        super().__init__(plan, network, check_norms=False, measure_blocks=False)
        self.names = [record.name for record in plan.records]

    def watched_tensors(self, replayed: ReplayResult) -> dict[str | Edge, Any]:
        """Return every layer's output."""
        return {name: replayed.outputs[name] for name in self.names}

    def findings(
        self,
        replayed: ReplayResult,
        gradients_of: dict[str | Edge, Any],
        local_gradients: Sequence[Any],
        summed_gradients: Sequence[Any],
    ) -> dict[str, Any]:
        """Return, for each of four kinds of tensors, a bool `(records,)`: whether one of them is not finite."""
        layers = [self.network.get_layer(name) for name in self.names]
        gradients = [
            [local_gradients[self.weight_positions[id(w)]] for w in layer.trainable_weights] for layer in layers
        ]
        return {
            # Moving statistics have moved with the pass already, save those of a frozen layer.
            "weights": tf.stack(
                [_has_non_finite(w.value for w in layer.trainable_weights or layer.weights) for layer in layers]
            ),
            "outputs": tf.stack([_has_non_finite([replayed.outputs[name]]) for name in self.names]),
            "gradients": tf.stack([_has_non_finite([gradients_of[name]]) for name in self.names]),
            "weight_gradients": tf.stack([_has_non_finite(each) for each in gradients]),
        }

    def describe(self, findings: Sequence[dict[str, np.ndarray]]) -> str:
        """Say which layer was the first, in the order in which a step computes, from every replica's findings."""
        non_finite = {key: np.any([each[key] for each in findings], axis=0) for key in findings[0]}
        forward = [("weights", "a weight of {} is not finite"), ("outputs", "the output of {} is not finite")]
        for key, text in forward:
            if non_finite[key].any():
                name = self.names[int(non_finite[key].argmax())]
                return "the images themselves are not finite" if name == "input" else text.format(name)
        last = set(self.plan.outputs.values())
        for index in reversed(range(len(self.names))):
            name = self.names[index]
            if non_finite["gradients"][index]:
                return "the loss is not finite" if name in last else f"the gradient that reaches {name} is not finite"
            if non_finite["weight_gradients"][index]:
                return f"the gradient of a weight of {name} is not finite"
        return (
            "no number by itself is not finite: the gradient's norm or the mean loss overflows, or the batch is worked "
            "through in parts and it is in one before the last"
        )


def _has_non_finite(tensors: Any) -> Any:
    """Whether a tensor of real numbers holds one that is not finite; integers, and what has no gradient, do not."""
    real = [tf.convert_to_tensor(tensor) for tensor in tensors if tensor is not None]
    checks = [tf.reduce_any(~tf.math.is_finite(tensor)) for tensor in real if tensor.dtype.is_floating]
    return tf.reduce_any(tf.stack(checks)) if checks else tf.constant(False)
