"""Gradients made smaller where they are too large, after they were summed over the replicas."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

#: Smallest norm that weights are taken to have, so that those at zero can move (Brock et al. 2021, section 4.1).
LEAST_NORM = 1e-3


class Clip(abc.ABC):
    """A rule for the gradients of a network's trainable weights."""

    @abc.abstractmethod
    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """The gradients to use; `norm` is the global norm of those given, `weights` are `keras.Variable`s."""


class ClipNorm(Clip):
    """All of them scaled down together, to a global norm of at most `bound` (Pascanu et al. 2013, arXiv:1211.5063)."""

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """See `Clip.apply`."""
        return tf.clip_by_global_norm(list(gradients), self.bound, use_norm=norm)[0]


class ClipAdaptively(Clip):
    """Each unit's gradient scaled down to `factor` times the norm of its weights (Brock et al. 2021, arXiv:2102.06171).

    A unit is an output channel of a kernel (equation 3), or a whole vector. The layers named in `excluded` are left
    alone: the last one, as in the paper.
    """

    def __init__(self, factor: float, excluded: Sequence[str] = ()) -> None:
        self.factor, self.excluded = factor, tuple(excluded)

    def apply(self, gradients: Sequence[Any], weights: Sequence[Any], norm: Any) -> list[Any]:
        """See `Clip.apply`."""
        return [self._clipped(gradient, weight) for gradient, weight in zip(gradients, weights, strict=True)]

    def _clipped(self, gradient: Any, weight: Any) -> Any:
        if weight.path.split("/")[0] in self.excluded:
            return gradient
        bound = self.factor * tf.maximum(_unit_norm(weight.value), LEAST_NORM)
        found = _unit_norm(gradient)
        return tf.where(found > bound, gradient * (bound / tf.maximum(found, 1e-6)), gradient)


def _unit_norm(values: Any) -> Any:
    """Norm over all axes but the last; of a vector, over its only one. Shapes broadcast with `values`."""
    axes = list(range(max(len(values.shape) - 1, 1)))
    return tf.sqrt(tf.reduce_sum(tf.square(values), axes, keepdims=True))
