"""Kinds of normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from kresnet.errors import Problem
from kresnet.registry import Registry
from kresnet.spec.base import Flag, Momentum, Positive, Width
from kresnet.spec.kinds import OpenUnion


class Norm(OpenUnion):
    """Normalisation of activations."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.norms")

    @property
    def channel_multiple(self) -> int:
        """What every number of channels that is normalised must be a multiple of."""
        return 1

    def contradictions(self, channels: int, where: str) -> Iterator[Problem]:
        """Yield why so many channels cannot be normalised, with paths within the norm's own settings.

        Args:
            channels: number of channels that enter a norm.
            where: what has them, in words.
        """
        yield from ()


@Norm.register
class BatchNorm(Norm):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167)."""

    kind: Literal["batch"]
    momentum: Momentum = 0.9
    """Share of the old moving statistics kept at each step (PyTorch's momentum is one minus this)."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""
    synchronized: Flag = False
    """Use the statistics of the global batch rather than of each replica."""


@Norm.register
class GroupNorm(Norm):
    """Group normalisation (Wu and He 2018, arXiv:1803.08494)."""

    kind: Literal["group"]
    groups: Width = 32
    """Groups of channels; must divide every normalised width."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""

    @property
    def channel_multiple(self) -> int:
        return self.groups

    def contradictions(self, channels: int, where: str) -> Iterator[Problem]:
        if channels % self.groups:
            message = f"{self.groups} groups do not divide the {channels} channels of {where}."
            yield Problem("contradiction", message, path="groups", expected=f"a divisor of {channels}",
                          found=str(self.groups))  # fmt: skip


@Norm.register
class LayerNorm(Norm):
    """Layer normalisation over the channels of each position (Ba et al. 2016, arXiv:1607.06450)."""

    kind: Literal["layer"]
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""


@Norm.register
class NoNorm(Norm):
    """No normalisation."""

    kind: Literal["none"]


__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "NoNorm", "Norm"]
