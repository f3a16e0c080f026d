"""What networks cost, for thousands of them a second: parts that many have in common are lowered once.

The numbers are those of a plan, since the parts are appended by the functions that make plans; but no plan is made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import prod
from typing import Any

from kresnet.plan.lowering import append_network
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Plan, Record, Shape
from kresnet.spec.architecture import Convolution, Spec


@dataclass(frozen=True, slots=True)
class NetworkCosts:
    """What a plan tells of a network by adding up its records.

    Attributes:
        macs: multiply-accumulates for one input.
        parameters: parameters in all, trainable or not.
        depth: weighted layers, shortcuts aside.
        largest_map: how many numbers the largest output of a layer has, for one input.
    """

    macs: int = 0
    parameters: int = 0
    depth: int = 0
    largest_map: int = 0

    def __add__(self, other: NetworkCosts) -> NetworkCosts:
        return NetworkCosts(
            self.macs + other.macs,
            self.parameters + other.parameters,
            self.depth + other.depth,
            max(self.largest_map, other.largest_map),
        )


def plan_costs(plan: Plan) -> NetworkCosts:
    """Return what a planned network costs."""
    return _sum(plan.records)


class CostTable:
    """The costs of the parts of networks that were asked for so far."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, tuple[NetworkCosts, Shape]] = {}

    def costs(self, spec: Spec) -> NetworkCosts:
        """Return what a network costs, as its plan would tell.

        Raises:
            KresnetError: `contradiction` or `map_too_small`, as `lower`.
        """
        builder = _CountingBuilder(spec.convolution, self._parts)
        append_network(builder, spec)
        return builder.known + _sum(builder.records)


class _CountingBuilder(PlanBuilder):
    """A builder that appends no part whose costs are known, and counts them."""

    def __init__(self, convolution: Convolution, parts: dict[Hashable, tuple[NetworkCosts, Shape]]) -> None:
        super().__init__(convolution)
        self.known = NetworkCosts()
        self._parts = parts

    def part(self, settings: Hashable, x: Record | None, append: Callable[[Any], Record]) -> Record:
        key = (settings, x and x.shape, self.convolution)
        if key not in self._parts:
            outside, before = self.records, [x] if x else []
            self.records = list(before)  # where the part may look for what it reads
            last = append(x)
            self._parts[key] = _sum(self.records[len(before) :]), last.shape
            self.records = outside
        costs, shape = self._parts[key]
        self.known += costs
        return Record("", "", (), shape)


def _sum(records: Any) -> NetworkCosts:
    return NetworkCosts(
        sum(record.macs for record in records),
        sum(record.weights for record in records),
        sum(record.kind in ("conv", "dense") and record.role == "main" for record in records),
        max((prod(record.shape) for record in records), default=0),
    )


__all__ = ["CostTable", "NetworkCosts", "plan_costs"]
