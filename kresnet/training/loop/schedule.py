"""Learning rates as functions of the step, in arithmetic that runs both within a graph and without one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.plan.resolved_recipe import LearningRatePlan
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe import Constant, Cosine, MultiStep, OneCycle, Polynomial, Schedule, Step
from kresnet.training.step.optimizers import LearningRate

#: How many learning rates `sampled_rates` gives.
RATES = 200


def learning_rate(rate: LearningRatePlan) -> LearningRate:
    """Return the learning rate of a run as a function of the step; step 0 is the first update."""
    warmup = rate.warmup
    begin = warmup.steps if warmup else 0
    kind = "multi_step" if rate.shape == "falls" else rate.shape
    model: type[Schedule] | None = Schedule.kinds.find(kind)
    assert model is not None  # the recipe was validated
    factor_at = implementation(model)(rate)

    def learning_rate_at(step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        progress = tf.clip_by_value((step - begin) / max(rate.total_steps - begin, 1), 0.0, 1.0)
        factor = factor_at(step, progress)
        if warmup:
            rising = warmup.start + (1.0 - warmup.start) * (step + 1.0) / warmup.steps
            early = rising if warmup.shape == "linear" else tf.fill(tf.shape(step), warmup.start)
            factor = tf.where(step < begin, early, factor)
        return rate.peak * factor

    return learning_rate_at


def sampled_rates(rate: LearningRatePlan) -> tuple[tuple[int, float], ...]:
    """Return pairs of step (the first is 0) and learning rate, evenly spaced over a run."""
    steps = np.unique(np.linspace(0, rate.total_steps - 1, RATES).astype(int))
    return tuple(zip(steps.tolist(), np.asarray(learning_rate(rate)(steps)).tolist(), strict=True))


#: From step and progress, float32 tensors of one shape, to the share of the peak learning rate.
Factor = Callable[[Any, Any], Any]


def _constant(rate: LearningRatePlan) -> Factor:
    return lambda step, progress: tf.ones_like(step)


def _falls(rate: LearningRatePlan) -> Factor:
    def factor_at(step: Any, progress: Any) -> Any:
        passed = step[..., tf.newaxis] >= tf.constant(rate.settings["at_steps"], tf.float32)
        return tf.pow(rate.settings["factor"], tf.reduce_sum(tf.cast(passed, tf.float32), axis=-1))

    return factor_at


def _cosine(rate: LearningRatePlan) -> Factor:
    return lambda step, progress: _eased(1.0, rate.settings["final"], progress)


def _polynomial(rate: LearningRatePlan) -> Factor:
    final, power = rate.settings["final"], rate.settings["power"]
    return lambda step, progress: final + (1.0 - final) * tf.pow(1.0 - progress, power)


def _one_cycle(rate: LearningRatePlan) -> Factor:
    """Rise and fall between the first step, with the initial rate, and the last, with the final one, as in PyTorch."""
    settings, last = rate.settings, rate.total_steps - 1.0
    between = _eased if settings["curve"] == "cosine" else _straight
    top = settings["rise_fraction"] * rate.total_steps - 1.0

    def factor_at(step: Any, progress: Any) -> Any:
        rising = between(settings["initial"], 1.0, tf.clip_by_value(step / max(top, 1e-6), 0.0, 1.0))
        falling = between(1.0, settings["final"], tf.clip_by_value((step - top) / max(last - top, 1e-6), 0.0, 1.0))
        return tf.where(step <= top, rising, falling)

    return factor_at


def _eased(first: float, last: float, progress: Any) -> Any:
    """Go from `first` to `last` as half a cosine."""
    return last + (first - last) * 0.5 * (1.0 + tf.cos(math.pi * progress))


def _straight(first: float, last: float, progress: Any) -> Any:
    return first * (1.0 - progress) + last * progress


for _settings, _factor in (
    (Constant, _constant),
    (Step, _falls),
    (MultiStep, _falls),
    (Cosine, _cosine),
    (Polynomial, _polynomial),
    (OneCycle, _one_cycle),
):
    implement(_settings, _factor)
