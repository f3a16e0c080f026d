"""Dynamic loss scaling, which keeps the small gradients of a float16 backward pass above zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

#: The initial scale, and the number of finite steps before it is doubled: as in Keras's LossScaleOptimizer.
INITIAL_SCALE, GROWTH_STEPS = 2.0**15, 2000


class LossScale:
    """A power of two that the loss is multiplied by before the backward pass, and the gradients divided by after it.

    Micikevicius et al. 2018 (arXiv:1710.03740), section 3.2: a step whose gradients overflow is left out and halves the
    scale; `growth_steps` steps in a row that do not, double it.

    Attributes:
        growth_steps: number of finite steps in a row before the scale is doubled.
    """

    def __init__(self, initial: float = INITIAL_SCALE, growth_steps: int = GROWTH_STEPS) -> None:
        """Create the variables; to be called within the strategy's scope."""
        self.growth_steps = growth_steps
        self._scale = tf.Variable(initial, dtype=tf.float32, trainable=False, name="loss_scale")
        self._good = tf.Variable(0, dtype=tf.int64, trainable=False, name="loss_scale_good_steps")

    @property
    def variables(self) -> list[Any]:
        """Variables that a checkpoint must hold."""
        return [self._scale, self._good]

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss to differentiate: the float32 loss times the scale."""
        return loss * self._scale.read_value()

    def unscale_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        """Return the gradients of the unscaled loss, float32; the division is exact, the scale being a power of two."""
        inverse = 1.0 / self._scale.read_value()
        return [tf.cast(gradient, tf.float32) * inverse for gradient in gradients]

    def update(self, finite: Any, live: Any) -> Any:
        """Update the scale after a step, in replica context; every replica must do so alike.

        Args:
            finite: bool scalar, whether the gradients of the step were finite.
            live: bool scalar; False for a step that does not count.

        Returns:
            A bool scalar, whether a smaller scale may make gradients finite that were not.
        """
        scale, good = self._scale.read_value(), self._good.read_value() + 1
        grown = good == self.growth_steps
        after = tf.where(finite, tf.where(grown, 2.0 * scale, scale), tf.maximum(scale / 2.0, 1.0))
        self._scale.assign(tf.where(live, after, scale))
        self._good.assign(tf.where(live, tf.where(finite & ~grown, good, 0), good - 1))
        return scale > 1.0


def make_loss_scale(precision: str) -> LossScale | None:
    """Return a loss scale for float16; None for other types (bfloat16 has the exponents of float32, and needs none)."""
    return LossScale() if precision == "float16" else None
