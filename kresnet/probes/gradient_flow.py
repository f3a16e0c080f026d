"""How the gradient changes from block to block: factors, a fitted law and a verdict from a probe's measurements.

Nothing here needs TensorFlow.

delta is dL/d(block output). Written as C·λ^L, L blocks from the last, λ below 1 means that it vanishes toward the
input, λ above 1 that it explodes (Bengio et al. 1994; He et al. 2016, arXiv:1603.05027, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kresnet.files import replace_non_finite
from kresnet.probes.block_paths import BlockPaths

#: How much smaller or larger than the last block's the gradient may become before it counts as vanishing or
#: exploding. In float32 with batch norm, networks whose gradient changed by less were seen to train.
MAX_CHANGE = 1e3


@dataclass(frozen=True, slots=True)
class BlockFlow:
    """What was measured of one block, over the global batch.

    Attributes:
        name: name of the block.
        delta: ‖dL/d(block output)‖.
        ratio: delta of this block over that of the next, the factor by which the next block changes the gradient; None
            for the last block.
        identity: norm of the gradient that reaches the fork over the shortcut; None without a shortcut.
        residual: norm of the gradient that reaches the fork over the residual branch; None without a shortcut.
        cosine: cosine between these two gradients; None without a shortcut, or where one is zero.
        weights: norm of the gradient of all the block's weights.
        largest: largest singular value of the block's Jacobian, estimated; None where not asked for.
        typical: typical singular value of the block's Jacobian, estimated; None where not asked for.
    """

    name: str
    delta: float
    ratio: float | None
    identity: float | None
    residual: float | None
    cosine: float | None
    weights: float
    largest: float | None = None
    typical: float | None = None


@dataclass(frozen=True, slots=True)
class GradientFlow:
    """How the gradient of one network changes from block to block.

    Attributes:
        network: label of the network.
        blocks: measurements of the blocks, from input to output.
        constant: C of the fitted law; None where fewer than two blocks have a gradient.
        rate: λ of the fitted law; None where fewer than two blocks have a gradient.
        verdict: what the gradient does: `holds`, `vanishes`, `explodes` or `not_a_number`.
        first_block: name of the first block, seen from the output, where it does so; None where it holds.
    """

    network: str
    blocks: tuple[BlockFlow, ...]
    constant: float | None
    rate: float | None
    verdict: str
    first_block: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the measurements as JSON-ready values; what is not a number becomes null."""
        values: dict[str, Any] = replace_non_finite(asdict(self))
        return values

    def sentence(self) -> str:
        """Return the verdict in words."""
        first, last = self.blocks[0], self.blocks[-1]
        law = f"; ‖δ‖ ≈ {self.constant:.2g}·{self.rate:.3f}^L, L blocks from the last" if self.rate else ""
        if self.verdict == "not_a_number":
            return f"{self.network}: the gradient is not a number from {self.first_block} on toward the input."
        change = first.delta / last.delta if last.delta else 0.0
        if self.verdict == "holds":
            return f"{self.network}: the gradient holds: it changes by a factor {change:.3g} over {len(self.blocks)} " \
                   f"blocks{law}."  # fmt: skip
        bound = "below a thousandth of" if self.verdict == "vanishes" else "above a thousand times"
        return (
            f"{self.network}: the gradient {self.verdict}: it changes by a factor {change:.3g} over "
            f"{len(self.blocks)} blocks{law}. In {self.first_block} it first is {bound} the last block's."
        )


def gradient_flow(
    network: str, blocks: Sequence[BlockPaths], measured: np.ndarray, singular: Sequence[Any] = ()
) -> GradientFlow:
    """Work out factors, the law and the verdict from a probe's `flow` finding.

    Args:
        network: label of the network.
        blocks: the network's blocks.
        measured: float64 `(blocks, len(probe.FLOW_COLUMNS))`.
        singular: one `jacobian.SingularValues` a block, or nothing.
    """
    deltas = np.sqrt(measured[:, 0])
    rows = []
    for index, (block, row) in enumerate(zip(blocks, measured, strict=True)):
        _, identity, residual, product, weights = (float(value) for value in row)
        both = math.sqrt(identity * residual) if block.fork else 0.0
        following = deltas[index + 1] if index + 1 < len(blocks) else 0.0
        rows.append(
            BlockFlow(
                name=block.name,
                delta=float(deltas[index]),
                ratio=float(deltas[index] / following) if following else None,
                identity=math.sqrt(identity) if block.fork else None,
                residual=math.sqrt(residual) if block.fork else None,
                cosine=product / both if both else None,
                weights=math.sqrt(weights),
                largest=singular[index].largest if singular else None,
                typical=singular[index].typical if singular else None,
            )
        )
    constant, rate = _fit(deltas)
    verdict, first = _judge(deltas)
    return GradientFlow(network, tuple(rows), constant, rate, verdict, None if first is None else blocks[first].name)


def _fit(deltas: np.ndarray) -> tuple[float | None, float | None]:
    """Fit C and λ by least squares on the logarithms."""
    distance = np.arange(len(deltas))[::-1]
    there = np.isfinite(deltas) & (deltas > 0)
    if there.sum() < 2:
        return None, None
    slope, intercept = np.polyfit(distance[there], np.log(deltas[there]), 1)
    return float(np.exp(intercept)), float(np.exp(slope))


def _judge(deltas: np.ndarray) -> tuple[str, int | None]:
    """Return the verdict, and the index of the first block, seen from the output, that gives cause for it."""
    for index in range(len(deltas) - 1, -1, -1):
        if not np.isfinite(deltas[index]):
            return "not_a_number", index
        if deltas[index] * MAX_CHANGE < deltas[-1] or deltas[index] == 0:
            return "vanishes", index
        if deltas[index] > deltas[-1] * MAX_CHANGE:
            return "explodes", index
    return "holds", None
