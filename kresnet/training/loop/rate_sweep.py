"""A sweep of learning rates over the steps of a trainer whose state is put back afterwards, to the bit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kresnet.training.step.engine import Engine

#: Share of the running mean of losses that a step keeps. fastai's 0.98 would have the mean lag 50 steps behind, half a
#: sweep of 100: four decades of rates.
SMOOTHING = 0.95
#: A sweep ends where the smoothed loss exceeds its least so many times, as in fastai's `lr_find`.
DIVERGED = 4.0


def smooth_losses(losses: Sequence[float] | np.ndarray, keep: float = SMOOTHING) -> np.ndarray:
    """Return the exponential mean of the losses up to each step, without its bias towards a start at 0, float64 `(n,)`.

    Kingma and Ba 2015 (arXiv:1412.6980), section 3, take the bias out in the same way.
    """
    smoothed, mean = np.empty(len(losses)), 0.0
    for step, loss in enumerate(losses):
        mean = keep * mean + (1.0 - keep) * loss
        smoothed[step] = mean / (1.0 - keep ** (step + 1))
    return smoothed


def sweep_learning_rates(engine: Engine, batches: tf.data.Dataset, rates: Sequence[float]) -> list[float]:
    """Take a step of training at each learning rate, in turn, and put back all that the steps have changed.

    The steps are those of the engine's own trainer in everything but the rate. The sweep ends early where a step is not
    finite, or where the smoothed loss exceeds `DIVERGED` times its least.

    Args:
        engine: the engine to sweep with. Its state comes back as a checkpoint brings it back, whatever ends the sweep.
        batches: global batches, one for each rate.
        rates: the learning rates.

    Returns:
        The loss of each step that was taken, before its update; nan for a last one that was not finite.
    """
    before = engine.state()
    with engine.strategy.scope():
        rate = tf.Variable(0.0, trainable=False, name="swept_rate")
    trainer = engine.trainer.with_learning_rate(lambda _: rate.read_value())
    sweep = Engine(trainer, engine.strategy, engine.workers)
    distributed = sweep.distribute(batches)
    losses: list[float] = []
    try:
        for value in rates:
            rate.assign(value)
            sweep.train(distributed, tf.constant(1, tf.int32))
            loss = sweep.metrics()["loss"]
            losses.append(loss if sweep.steps_taken() else math.nan)
            sweep.reset_metrics()
            smoothed = smooth_losses(losses)
            if not smoothed[-1] <= DIVERGED * smoothed.min():  # so is nan
                break
    finally:
        engine.restore(before)
    return losses


__all__ = ["DIVERGED", "SMOOTHING", "smooth_losses", "sweep_learning_rates"]
