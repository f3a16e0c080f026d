"""Gradient clipping, applied after the gradients are summed over the replicas."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

#: Lower bound for the norm of weights, so that weights of zero can change (Brock et al. 2021, section 4.1).
MIN_WEIGHT_NORM = 1e-3


class GradientClipping(abc.ABC):
    """A rule that bounds the gradients of a network's trainable weights."""

    @abc.abstractmethod
    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """Return the clipped gradients.

        Args:
            gradients: gradients of the weights.
            weights: the weights, `keras.Variable`s, in the same order.
            norm: global norm of `gradients`, float32 scalar.
        """


class GlobalNormClipping(GradientClipping):
    """Scales all gradients by one factor, to a global norm of at most `bound`.

    After Pascanu et al. 2013 (arXiv:1211.5063).
    """

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """See `GradientClipping.apply`."""
        return tf.clip_by_global_norm(list(gradients), self.bound, use_norm=norm)[0]


class AdaptiveClipping(GradientClipping):
    """Scales each unit's gradient to at most `factor` times the norm of the unit's weights.

    After Brock et al. 2021 (arXiv:2102.06171). A unit is an output channel of a kernel (equation 3), or a whole vector.
    Gradients of the layers named in `excluded` are not clipped; in the paper that is the last layer.
    """

    def __init__(self, factor: float, excluded: Sequence[str] = ()) -> None:
        self.factor, self.excluded = factor, tuple(excluded)

    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """See `GradientClipping.apply`."""
        return [self._clip_units(gradient, weight) for gradient, weight in zip(gradients, weights, strict=True)]

    def _clip_units(self, gradient: Any, weight: Any) -> Any:
        if weight.path.split("/")[0] in self.excluded:
            return gradient
        bound = self.factor * tf.maximum(_unit_norm(weight.value), MIN_WEIGHT_NORM)
        norm = _unit_norm(gradient)
        return tf.where(norm > bound, gradient * (bound / tf.maximum(norm, 1e-6)), gradient)


def _unit_norm(values: Any) -> Any:
    """Return norms over all axes but the last, or over the only axis of a vector, in a shape that broadcasts."""
    axes = list(range(max(len(values.shape) - 1, 1)))
    return tf.sqrt(tf.reduce_sum(tf.square(values), axes, keepdims=True))
