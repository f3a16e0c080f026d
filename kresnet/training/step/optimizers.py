"""Optimizers that update each weight by one fused kernel, from gradients already summed over the replicas.

Keras's optimizers make thousands of small operations of the same arithmetic; here the update of a weight is one
operation, which is faster to trace and to run. Weight decay, and scaling an update to the norm of the weights, apply to
kernels only, never to the weights of norms or to biases.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import tensorflow as tf

from kresnet.spec.implementations import implement, implementation
from kresnet.spec.recipe import AdamW, Lamb, Lars, RmsProp, Sgd
from kresnet.spec.recipe import Optimizer as OptimizerSettings

#: Function from a step (an int, or an int64 tensor of any shape) to the learning rate (a float32 tensor of that shape).
LearningRate = Callable[[Any], Any]


class FusedOptimizer(abc.ABC):
    """The state and the update rule for a fixed list of weights.

    Attributes:
        iterations: number of updates made, a scalar int64 variable.
        rate: function from the step to the learning rate: the schedule's, times `rate_scale`.
        rate_scale: scalar variable that is 1 until a run that diverged goes on with a lower learning rate.
        shares: share of the learning rate that each weight takes.
        slots: for each slot of the rule (momentum, for example), a variable for each weight.
    """

    slots_each: int = 0

    def __init__(
        self, settings: OptimizerSettings, rate: LearningRate, weights: Sequence[Any], shares: Sequence[float] = ()
    ) -> None:
        """Create the variables; to be called within the strategy's scope."""
        self.shares = shares or [1.0] * len(weights)
        self.settings = settings
        self.rate_scale = tf.Variable(1.0, trainable=False, name="rate_scale")
        self.rate: LearningRate = lambda step: rate(step) * self.rate_scale
        self.weights = [weight.value for weight in weights]
        self.decays = [weight.name == "kernel" for weight in weights]
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False, name="iterations")
        self.slots = [
            [tf.Variable(tf.zeros_like(weight), trainable=False, name=f"slot{n}") for weight in self.weights]
            for n in range(self.slots_each)
        ]

    @property
    def variables(self) -> list[Any]:
        """Variables that a checkpoint must hold, in a fixed order."""
        return [self.iterations, self.rate_scale, *(slot for slots in self.slots for slot in slots)]

    def with_learning_rate(self, rate: LearningRate) -> Self:
        """Return an optimizer of the same state with another learning rate, which `rate_scale` leaves as it is."""
        other = copy(self)
        other.rate = rate
        return other

    def apply(self, gradients: Sequence[Any]) -> None:
        """Update the weights once, in replica context.

        Args:
            gradients: gradients in the order of the weights; the same on every replica.
        """
        rate = self.rate(self.iterations.read_value())
        step = self.iterations.read_value() + 1
        for index, (weight, gradient) in enumerate(zip(self.weights, gradients, strict=True)):
            share = self.shares[index]
            own = rate if share == 1 else rate * share
            self._update(weight, gradient, own, step, [slots[index] for slots in self.slots], self.decays[index])
        self.iterations.assign_add(1)

    @abc.abstractmethod
    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        """Update one weight and its slots; `step` is the number of this update, counted from 1."""


class SgdOptimizer(FusedOptimizer):
    """`a ← momentum·a + g + decay·w; w ← w − rate·a`, or Nesterov's `w ← w − rate·(g + momentum·a)`."""

    slots_each = 1
    settings: Sgd

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        if decays and self.settings.weight_decay:
            gradient = gradient + self.settings.weight_decay * weight
        tf.raw_ops.ResourceApplyMomentum(
            var=weight.handle,
            accum=slots[0].handle,
            lr=rate,
            grad=gradient,
            momentum=self.settings.momentum,
            use_nesterov=self.settings.nesterov,
        )


class AdamWOptimizer(FusedOptimizer):
    """Adam (Kingma and Ba 2015, Algorithm 1), with decay decoupled (Loshchilov and Hutter 2019, Algorithm 2)."""

    slots_each = 2
    settings: AdamW

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        settings = self.settings
        if decays and settings.weight_decay:
            tf.raw_ops.AssignSubVariableOp(resource=weight.handle, value=rate * settings.weight_decay * weight)
        power = tf.cast(step, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=tf.pow(settings.beta_1, power),
            beta2_power=tf.pow(settings.beta_2, power),
            lr=rate,
            beta1=settings.beta_1,
            beta2=settings.beta_2,
            epsilon=settings.epsilon,
            grad=gradient,
        )


class LambOptimizer(FusedOptimizer):
    """LAMB (You et al. 2020, Algorithm 2), `φ` the identity, with bias correction; norm and bias take Adam's step."""

    slots_each = 2
    settings: Lamb

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        settings, power = self.settings, tf.cast(step, tf.float32)
        means = []
        for slot, value, beta in (
            (slots[0], gradient, settings.beta_1),
            (slots[1], tf.square(gradient), settings.beta_2),
        ):
            mean = beta * slot.read_value() + (1.0 - beta) * value
            tf.raw_ops.AssignVariableOp(resource=slot.handle, value=mean)
            means.append(mean / (1.0 - tf.pow(beta, power)))
        change = means[0] / (tf.sqrt(means[1]) + settings.epsilon)
        if decays:
            old = weight.read_value()
            change += settings.weight_decay * old
            change *= _ratio(tf.norm(old), tf.norm(change))
        tf.raw_ops.AssignSubVariableOp(resource=weight.handle, value=rate * change)


class LarsOptimizer(FusedOptimizer):
    """LARS (You et al. 2017, Algorithm 1): `a ← momentum·a + rate·λ·(g + decay·w); w ← w − a`.

    `λ = trust·‖w‖ / (‖g‖ + decay·‖w‖)` for kernels; norm and bias have `λ = 1` and no decay.
    """

    slots_each = 1
    settings: Lars

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        settings, local = self.settings, rate
        if decays:
            old = weight.read_value()
            size, decay = tf.norm(old), settings.weight_decay
            local = rate * _ratio(settings.trust_coefficient * size, tf.norm(gradient) + decay * size)
            gradient = gradient + decay * old
        tf.raw_ops.ResourceApplyMomentum(
            var=weight.handle,
            accum=slots[0].handle,
            lr=1.0,
            grad=local * gradient,
            momentum=settings.momentum,
            use_nesterov=settings.nesterov,
        )


class RmsPropOptimizer(FusedOptimizer):
    """`s ← rho·s + (1 − rho)·g²; a ← momentum·a + rate·g / √(s + epsilon); w ← w − a` (Tieleman and Hinton 2012)."""

    slots_each = 2
    settings: RmsProp

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        settings = self.settings
        if decays and settings.weight_decay:
            gradient = gradient + settings.weight_decay * weight
        tf.raw_ops.ResourceApplyRMSProp(
            var=weight.handle,
            ms=slots[0].handle,
            mom=slots[1].handle,
            lr=rate,
            rho=settings.rho,
            momentum=settings.momentum,
            epsilon=settings.epsilon,
            grad=gradient,
        )


def _ratio(above: Any, below: Any) -> Any:
    """Return the quotient, or 1 where either value is 0, so that weights of zero can change."""
    return tf.where((above > 0.0) & (below > 0.0), tf.math.divide_no_nan(above, below), 1.0)


#: Changes a weight, a variable: from settings, weight, gradient, rate, step, slots, and whether it is a kernel.
Update = Callable[[Any, Any, Any, Any, Any, list[Any], bool], None]


class RegisteredOptimizer(FusedOptimizer):
    """An optimizer whose rule a package or script has registered."""

    def __init__(
        self,
        settings: OptimizerSettings,
        rate: LearningRate,
        weights: Sequence[Any],
        shares: Sequence[float] = (),
        *,
        rule: Update,
        slots: int,
    ) -> None:
        self.slots_each, self._rule = slots, rule
        super().__init__(settings, rate, weights, shares)

    def _update(self, weight: Any, gradient: Any, rate: Any, step: Any, slots: list[Any], decays: bool) -> None:
        self._rule(self.settings, weight, gradient, rate, step, slots, decays)


def make_optimizer(
    settings: OptimizerSettings, rate: LearningRate, weights: Sequence[Any], shares: Sequence[float] = ()
) -> FusedOptimizer:
    """Make the optimizer that a recipe describes.

    Args:
        settings: the recipe's optimizer.
        rate: function from the step to the learning rate.
        weights: trainable weights of the model, `keras.Variable`s.
        shares: share of the learning rate that each weight takes; all of it by default.
    """
    optimizer: type[FusedOptimizer] = implementation(settings)
    return optimizer(settings, rate, weights, shares)


for _settings, _optimizer in (
    (Sgd, SgdOptimizer),
    (AdamW, AdamWOptimizer),
    (Lamb, LambOptimizer),
    (Lars, LarsOptimizer),
    (RmsProp, RmsPropOptimizer),
):
    implement(_settings, _optimizer)
