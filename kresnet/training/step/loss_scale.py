"""Dynamic loss scaling, which keeps the small gradients of a float16 backward pass above zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

#: What Keras's LossScaleOptimizer begins with, and after how many steps it grows.
INITIAL, GROWTH_STEPS = 2.0**15, 2000


class LossScale:
    """A power of two that the loss is multiplied by before the backward pass, and the gradients divided by after it.

    Micikevicius et al. 2018 (arXiv:1710.03740), section 3.2: a step whose gradients overflow is left out and halves the
    scale; `growth_steps` steps in a row that do not, double it.

    Attributes:
        variables: what a checkpoint must hold.
    """

    def __init__(self, initial: float = INITIAL, growth_steps: int = GROWTH_STEPS) -> None:
        """Create the state; call within the strategy's scope."""
        self.growth_steps = growth_steps
        self._scale = tf.Variable(initial, dtype=tf.float32, trainable=False, name="loss_scale")
        self._good = tf.Variable(0, dtype=tf.int64, trainable=False, name="loss_scale_good_steps")

    @property
    def variables(self) -> list[Any]:
        return [self._scale, self._good]

    def scaled(self, loss: Any) -> Any:
        """The float32 loss to differentiate."""
        return loss * self._scale.read_value()

    def unscaled(self, gradients: Sequence[Any]) -> list[Any]:
        """Gradients of the loss itself, float32; exact, since the scale is a power of two."""
        inverse = 1.0 / self._scale.read_value()
        return [tf.cast(gradient, tf.float32) * inverse for gradient in gradients]

    def adjust(self, finite: Any, live: Any) -> Any:
        """Take note of a step, in replica context; the same on every replica.

        Args:
            finite: bool scalar, whether the gradients were.
            live: bool scalar; False for a step that does not count.

        Returns:
            Whether a smaller scale may help against gradients that are not finite: bool scalar.
        """
        scale, good = self._scale.read_value(), self._good.read_value() + 1
        grown = good == self.growth_steps
        after = tf.where(finite, tf.where(grown, 2.0 * scale, scale), tf.maximum(scale / 2.0, 1.0))
        self._scale.assign(tf.where(live, after, scale))
        self._good.assign(tf.where(live, tf.where(finite & ~grown, good, 0), good - 1))
        return scale > 1.0


def loss_scale_for(precision: str) -> LossScale | None:
    """What a network in this precision is trained with: bfloat16 has the exponents of float32, and needs none."""
    return LossScale() if precision == "float16" else None
