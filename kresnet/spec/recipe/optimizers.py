"""How gradients change weights. Weight decay touches kernels only, never norm or bias, whatever the optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kresnet.registry import Registry
from kresnet.spec.base import Count, Flag, Fraction, NonNegative, Positive
from kresnet.spec.kinds import OpenUnion


class Optimizer(OpenUnion):
    """How gradients change weights."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.optimizers")

    if TYPE_CHECKING:
        learning_rate: float
        learning_rate_per: int | None


@Optimizer.register
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    learning_rate: Positive = 0.1
    """Peak learning rate, for the global batch."""
    learning_rate_per: Count | None = None
    """Images a step that `learning_rate` is stated for: it is scaled linearly to `batch_size` (arXiv:1706.02677)."""
    momentum: Fraction = 0.9
    """Share of the last step that is added to the next one."""
    nesterov: Flag = False
    """Whether momentum takes Nesterov's form."""
    weight_decay: NonNegative = 1e-4
    """Added to the gradient times the weight (an L2 penalty)."""


@Optimizer.register
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""

    kind: Literal["adamw"]
    learning_rate: Positive = 1e-3
    """Peak learning rate, for the global batch."""
    learning_rate_per: Count | None = None
    """Images a step that `learning_rate` is stated for: it is scaled linearly to `batch_size`."""
    beta_1: Fraction = 0.9
    """Decay of the first moment."""
    beta_2: Fraction = 0.999
    """Decay of the second moment."""
    epsilon: Positive = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.05
    """Decoupled, scaled by the learning rate."""


@Optimizer.register
class Lamb(Optimizer):
    """Adam whose step is scaled, layer by layer, to the norm of the weights (You et al. 2020, arXiv:1904.00962).

    As in timm, norm and bias take Adam's step as it is.
    """

    kind: Literal["lamb"]
    learning_rate: Positive = 5e-3
    """Peak learning rate, for the global batch."""
    learning_rate_per: Count | None = None
    """Images a step that `learning_rate` is stated for: it is scaled linearly to `batch_size`."""
    beta_1: Fraction = 0.9
    """Decay of the first moment."""
    beta_2: Fraction = 0.999
    """Decay of the second moment."""
    epsilon: Positive = 1e-6
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.02
    """Added to Adam's step times the weight, before the step is scaled."""


@Optimizer.register
class Lars(Optimizer):
    """Momentum of gradients scaled, layer by layer, to the norm of the weights (You et al. 2017, arXiv:1708.03888).

    Norm and bias take the gradient as it is.
    """

    kind: Literal["lars"]
    learning_rate: Positive = 1.0
    """Peak learning rate, for the global batch."""
    learning_rate_per: Count | None = None
    """Images a step that `learning_rate` is stated for: it is scaled linearly to `batch_size`."""
    momentum: Fraction = 0.9
    """Share of the last step that is added to the next one."""
    nesterov: Flag = False
    """Whether momentum takes Nesterov's form."""
    trust_coefficient: Positive = 1e-3
    """How far a layer's step may change its weights, over their norm."""
    weight_decay: NonNegative = 1e-4
    """Added to the gradient times the weight, and to the gradient's norm times the weights'."""


@Optimizer.register
class RmsProp(Optimizer):
    """RMSprop as TensorFlow and Keras have it: epsilon within the root, the learning rate within the momentum.

    PyTorch adds epsilon to the root and multiplies by the learning rate last; its numbers do not carry over.
    """

    kind: Literal["rmsprop"]
    learning_rate: Positive = 1e-3
    """Peak learning rate, for the global batch."""
    learning_rate_per: Count | None = None
    """Images a step that `learning_rate` is stated for: it is scaled linearly to `batch_size`."""
    rho: Fraction = 0.9
    """Decay of the mean of squared gradients, which starts at 0."""
    momentum: Fraction = 0.9
    """Share of the last step that is added to the next one."""
    epsilon: Positive = 1e-3
    """Added to the mean of squared gradients, within the root."""
    weight_decay: NonNegative = 1e-5
    """Added to the gradient times the weight (an L2 penalty)."""
