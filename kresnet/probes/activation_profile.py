"""How large the numbers are that pass from block to block, without TensorFlow: means and deviations by depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kresnet.files import replace_non_finite

#: How much larger or smaller the deviation may become from the first block to the last before the sentence says so.
MAX_CHANGE = 1e3


@dataclass(frozen=True, slots=True)
class BlockActivations:
    """What was measured of a block's output, over all numbers of the batch.

    Attributes:
        name: name of the block.
        mean: their mean.
        deviation: their standard deviation.
        largest: the largest absolute value.
        zeros: share of the numbers that are exactly zero.
    """

    name: str
    mean: float
    deviation: float
    largest: float
    zeros: float


@dataclass(frozen=True, slots=True)
class ActivationProfile:
    """The outputs of a network's blocks, from input to output.

    Attributes:
        network: label of the network.
        blocks: measurements of the blocks.
    """

    network: str
    blocks: tuple[BlockActivations, ...]

    @property
    def change(self) -> float:
        """Deviation of the last block's output over that of the first; NaN where either is none."""
        first, last = self.blocks[0].deviation, self.blocks[-1].deviation
        return last / first if first and math.isfinite(first) and math.isfinite(last) else math.nan

    @property
    def verdict(self) -> str:
        """What the deviation does with depth: `holds`, `vanishes`, `explodes` or `not_a_number`."""
        if not all(math.isfinite(block.deviation) for block in self.blocks):
            return "not_a_number"
        change = self.change
        if not self.blocks[-1].deviation or change * MAX_CHANGE < 1:
            return "vanishes"
        return "explodes" if change > MAX_CHANGE else "holds"

    def sentence(self) -> str:
        """Return the verdict in words."""
        if self.verdict == "not_a_number":
            first = next(block.name for block in self.blocks if not math.isfinite(block.deviation))
            return f"{self.network}: activations are no numbers from {first} on."
        change = "" if math.isnan(self.change) else f": it changes by a factor {self.change:.3g}"
        return (
            f"{self.network}: the deviation of activations {self.verdict}{change} over {len(self.blocks)} blocks, "
            f"to {self.blocks[-1].deviation:.3g}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the measurements as JSON-ready values; what is not a number becomes null."""
        values: dict[str, Any] = replace_non_finite(asdict(self) | {"verdict": self.verdict})
        return values


def activation_profile(network: str, names: Sequence[str], measured: Sequence[Sequence[float]]) -> ActivationProfile:
    """Return the profile of a network.

    Args:
        network: label of the network.
        names: of its blocks.
        measured: mean, deviation, largest absolute value and share of zeros of each block's output.
    """
    rows = (BlockActivations(name, *map(float, row)) for name, row in zip(names, measured, strict=True))
    return ActivationProfile(network, tuple(rows))


__all__ = ["ActivationProfile", "BlockActivations", "activation_profile"]
