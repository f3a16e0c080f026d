"""How gradients change weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kresnet.spec.base import Document, Flag, Fraction, NonNegative, Positive


class Sgd(Document):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    learning_rate: Positive = 0.1
    """Peak learning rate, for the global batch."""
    momentum: Fraction = 0.9
    """Momentum."""
    nesterov: Flag = False
    """Nesterov's form of it."""
    weight_decay: NonNegative = 1e-4
    """Added to the gradient times the weight (an L2 penalty); kernels only, never norm or bias."""


class AdamW(Document):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""

    kind: Literal["adamw"]
    learning_rate: Positive = 1e-3
    """Peak learning rate, for the global batch."""
    beta_1: Fraction = 0.9
    """Decay of the first moment."""
    beta_2: Fraction = 0.999
    """Decay of the second moment."""
    epsilon: Positive = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.05
    """Decoupled, scaled by the learning rate; kernels only, never norm or bias."""


Optimizer = Annotated[Sgd | AdamW, Field(discriminator="kind")]
