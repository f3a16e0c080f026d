"""Learning rates as functions of the step, in arithmetic that runs both within a graph and without one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.plan.resolved_recipe import LearningRatePlan
from kresnet.spec.implementations import implementation
from kresnet.spec.recipe import Schedule
from kresnet.training.step.optimizers import LearningRate

#: How many learning rates `sampled_rates` gives.
RATES = 200


def learning_rate(rate: LearningRatePlan) -> LearningRate:
    """Return the learning rate of a run as a function of the step; step 0 is the first update."""
    warmup = rate.warmup
    begin = warmup.steps if warmup else 0
    factor_at = _SHAPES.get(rate.shape) or _registered(rate)

    def learning_rate_at(step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        progress = tf.clip_by_value((step - begin) / max(rate.total_steps - begin, 1), 0.0, 1.0)
        factor = factor_at(rate, rate.settings, step, progress)
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


def _registered(rate: LearningRatePlan) -> Callable[[LearningRatePlan, Mapping[str, Any], Any, Any], Any]:
    """Return the shape that a package or script has registered, as one of those that ship."""
    model = Schedule.kinds.find(rate.shape)
    assert model is not None  # the recipe was validated
    schedule = model.model_validate({"kind": rate.shape, **rate.settings})
    factor = implementation(schedule)

    def factor_at(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
        return tf.cast(factor(schedule, step, progress), tf.float32)

    return factor_at


def _constant(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
    return tf.ones_like(step)


def _multi_step(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
    passed = step[..., tf.newaxis] >= tf.constant(settings["at_steps"], tf.float32)
    return tf.pow(settings["factor"], tf.reduce_sum(tf.cast(passed, tf.float32), axis=-1))


def _cosine(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
    return _eased(1.0, settings["final"], progress)


def _polynomial(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
    return settings["final"] + (1.0 - settings["final"]) * tf.pow(1.0 - progress, settings["power"])


def _one_cycle(rate: LearningRatePlan, settings: Mapping[str, Any], step: Any, progress: Any) -> Any:
    """Rise and fall between the first step, with the initial rate, and the last, with the final one, as in PyTorch."""
    between = _eased if settings["curve"] == "cosine" else _straight
    top = settings["rise_fraction"] * rate.total_steps - 1.0
    last = rate.total_steps - 1.0
    rising = between(settings["initial"], 1.0, tf.clip_by_value(step / max(top, 1e-6), 0.0, 1.0))
    falling = between(1.0, settings["final"], tf.clip_by_value((step - top) / max(last - top, 1e-6), 0.0, 1.0))
    return tf.where(step <= top, rising, falling)


def _eased(first: float, last: float, progress: Any) -> Any:
    """Go from `first` to `last` as half a cosine."""
    return last + (first - last) * 0.5 * (1.0 + tf.cos(math.pi * progress))


def _straight(first: float, last: float, progress: Any) -> Any:
    return first * (1.0 - progress) + last * progress


_SHAPES: dict[str, Callable[[LearningRatePlan, Mapping[str, Any], Any, Any], Any]] = {
    "constant": _constant,
    "falls": _multi_step,
    "cosine": _cosine,
    "polynomial": _polynomial,
    "one_cycle": _one_cycle,
}
