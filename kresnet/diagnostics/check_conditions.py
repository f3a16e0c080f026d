"""The conditions under which a network was checked, for those who read the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kresnet.diagnostics.network_under_test import NetworkUnderTest


@dataclass(frozen=True, slots=True)
class CheckConditions:
    """The conditions under which a check was made.

    Attributes:
        batch: images over all replicas.
        replicas: how many devices share the batch.
        precision: of activations and products.
        provenance: where weights, data and loss come from, in words.
    """

    batch: int
    replicas: int
    precision: str
    provenance: tuple[str, ...]


def check_conditions(network: NetworkUnderTest) -> CheckConditions:
    """Return the conditions under which the network is checked."""
    return CheckConditions(
        batch=len(network.images),
        replicas=network.engine.strategy.num_replicas_in_sync,
        precision=network.precision,
        provenance=network.provenance,
    )
