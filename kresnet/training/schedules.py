"""Learning rate as a function of the step, in plain arithmetic that runs inside and outside a graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kresnet.spec.recipe import Cosine, Schedule, Step

#: From a step (an int, or a scalar int64 tensor) to the learning rate (a float, or a scalar float32 tensor).
LearningRate = Callable[[Any], Any]


def learning_rate(peak: float, schedule: Schedule, steps_per_epoch: int, epochs: int) -> LearningRate:
    """The schedule of a run.

    Args:
        peak: the highest learning rate.
        schedule: its shape; durations in epochs.
        steps_per_epoch: steps of one epoch.
        epochs: length of the run.

    Returns:
        A function of a scalar int64 tensor; step 0 is the first update.
    """
    warmup = schedule.warmup_epochs * steps_per_epoch
    share = _share(schedule, steps_per_epoch, warmup, epochs * steps_per_epoch)

    def rate(step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        rising = (step + 1.0) / max(warmup, 1.0)
        return peak * tf.where(step < warmup, rising, share(step))

    return rate


def _share(schedule: Schedule, steps_per_epoch: int, warmup: float, total: int) -> LearningRate:
    """The learning rate after warm-up over its peak, as a function of the step."""
    if isinstance(schedule, Cosine):

        def cosine(step: Any) -> Any:
            progress = tf.clip_by_value((step - warmup) / max(total - warmup, 1.0), 0.0, 1.0)
            half = 0.5 * (1.0 + tf.cos(math.pi * progress))
            return schedule.final_fraction + (1.0 - schedule.final_fraction) * half

        return cosine
    if isinstance(schedule, Step):
        boundaries = tf.constant([epoch * steps_per_epoch for epoch in schedule.at_epochs], tf.float32)

        def stepped(step: Any) -> Any:
            return tf.pow(schedule.factor, tf.reduce_sum(tf.cast(step >= boundaries, tf.float32)))

        return stepped
    return tf.ones_like
