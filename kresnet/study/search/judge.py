"""Which candidates of a search may be trained: judged by their plans, in bulk, before TensorFlow is imported."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from kresnet.errors import KresnetError, make_error
from kresnet.plan.budget import parse_amount
from kresnet.plan.costs import CostTable, plan_costs
from kresnet.plan.memory_estimate import bytes_text, estimate_recipe_memory
from kresnet.spec.search import Search
from kresnet.study.planned_runs import PlannedVariant
from kresnet.study.search.axes import SearchAxes, Values, canonical

#: What the plan alone tells of a spec, without its recipe.
PLAN_COSTS = ("macs", "parameters", "depth", "largest_map")

_BOUND = re.compile(r"\s*([<>]=)\s*([^,]+)")


@dataclass(frozen=True, slots=True)
class CostBound:
    """A bound of what a network may cost.

    Attributes:
        quantity: what is bounded.
        limit: the bound.
        at_most: whether more is too much; else less is too little.
    """

    quantity: str
    limit: float
    at_most: bool

    def excess(self, cost: float) -> float:
        """Return how far a cost is beyond the bound, as the logarithm would rank it: 0 within, 1 for twice as much."""
        larger, smaller = (cost, self.limit) if self.at_most else (self.limit, cost)
        return max(0.0, larger / max(smaller, 1e-9) - 1.0)

    def __str__(self) -> str:
        return f"{self.quantity} {'at most' if self.at_most else 'at least'} {cost_text(self.quantity, self.limit)}"


def cost_bounds(search: Search) -> tuple[CostBound, ...]:
    """Return the bounds that a search states."""
    return tuple(
        CostBound(quantity, parse_amount(amount), sign == "<=")
        for quantity, text in search.constraints.comparisons()
        for sign, amount in _BOUND.findall(text)
    )


def cost_text(quantity: str, amount: float) -> str:
    """Return an amount with its unit: `1,000,000`, `4 GiB`, `3.2 ms`."""
    if quantity == "memory":
        return bytes_text(int(amount))
    return f"{amount:.3g} ms" if quantity == "latency_ms" else f"{int(amount):,}"


def describe_costs(costs: Mapping[str, float]) -> str:
    """Return what a network costs, in words."""
    return ", ".join(f"{name} {cost_text(name, amount)}" for name, amount in costs.items())


@dataclass
class Tally:
    """What became of the candidates that were drawn.

    Attributes:
        drawn: how many were judged.
        rejected: how many were not accepted, by the reason: a quantity, `no_network`, `unused`, `duplicate`.
        seconds: spent on them, latency aside.
        nearest: of those that cost too much or too little, the one that is least beyond the bounds: its rank (how many
            bounds it was not judged by, and the excess), values and costs.
    """

    drawn: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    nearest: tuple[tuple[int, float], Values, dict[str, float]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON-ready values."""
        return {"drawn": self.drawn, "rejected": dict(sorted(self.rejected.items())), "seconds": round(self.seconds, 3)}


class CandidateJudge:
    """Judges candidates by the bounds that need no recipe and no measurement, and counts what it rejects.

    Attributes:
        tally: counts since the last `start_tally`.
    """

    def __init__(self, search: Search, axes: SearchAxes) -> None:
        self._axes, self._table = axes, CostTable()
        self.bounds = cost_bounds(search)
        self._known: dict[str, tuple[str, dict[str, float]]] = {}
        self.start_tally()

    def start_tally(self) -> None:
        """Begin to count anew."""
        self.tally = Tally()

    def judge(self, values: Values) -> str:
        """Return why a candidate is rejected, or an empty text; it is counted, and timed."""
        began = time.perf_counter()
        self.tally.drawn += 1
        reason, costs = self._reason_and_costs(values)
        self.reject(reason, values, costs)
        self.tally.seconds += time.perf_counter() - began
        return reason

    def accepted(self, candidates: Sequence[Values]) -> Iterator[Values]:
        """Yield those of the candidates that are within the bounds."""
        for values in candidates:
            if not self.judge(values):
                yield values

    def reject(self, reason: str, values: Values, costs: Mapping[str, float] | None = None) -> None:
        """Count a rejection, if there is a reason, and keep the candidate if it is the nearest so far."""
        if not reason:
            return
        self.tally.rejected[reason] += 1
        if costs:
            unjudged = sum(bound.quantity not in costs for bound in self.bounds)
            rank = (unjudged, self.excess(costs))
            if self.tally.nearest is None or rank < self.tally.nearest[0]:
                self.tally.nearest = rank, values, dict(costs)

    def excess(self, costs: Mapping[str, float]) -> float:
        """Return how far these costs are beyond the bounds, all together: 0 within, 1 for twice as much of one."""
        return sum(each.excess(costs[each.quantity]) for each in self.bounds if each.quantity in costs)

    def broken_bound(self, costs: Mapping[str, float]) -> str:
        """Return the first quantity whose bound these costs break, or an empty text."""
        broken = (each.quantity for each in self.bounds if each.quantity in costs and each.excess(costs[each.quantity]))
        return next(broken, "")

    def _reason_and_costs(self, values: Values) -> tuple[str, dict[str, float]]:
        settings = self._axes.settings(values)
        if settings is None:
            return "no_network", {}
        own = canonical({name: value for name, value in settings.items() if not name.startswith("recipe.")})
        if own not in self._known:
            self._known[own] = self._judge_network(settings)
        return self._known[own]

    def _judge_network(self, settings: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
        try:
            found = self._table.costs(self._axes.candidate_spec(settings))
        except (ValidationError, KresnetError, LookupError, TypeError):
            return "no_network", {}
        costs = {name: float(getattr(found, name)) for name in PLAN_COSTS}
        return self.broken_bound(costs), costs

    def unmet_error(self, drawn: int) -> KresnetError:
        """Make the error of a search in which no candidate is accepted, with the nearest one."""
        bounds = "; ".join(map(str, self.bounds)) or "a network that can be planned"
        why = ", ".join(f"{count:,} for {name}" for name, count in self.tally.rejected.most_common())
        message = f"None of {drawn:,} candidates that were drawn may be trained ({why})."
        if self.tally.nearest is None:
            return make_error("budget_unmet", message, path="space", expected=bounds, remedy="a wider `space`")
        _, values, costs = self.tally.nearest
        shown = {name: amount for name, amount in costs.items() if any(name == each.quantity for each in self.bounds)}
        settings = ", ".join(f"{name}={value}" for name, value in values.items())
        return make_error(
            "budget_unmet",
            message,
            path="constraints",
            expected=bounds,
            found=f"nearest: {describe_costs(shown)}, by {settings}",
            remedy="looser `constraints`, or a `space` that reaches lower",
        )


def variant_costs(variant: PlannedVariant) -> dict[str, float]:
    """Return what a planned candidate costs, all that can be told without measuring."""
    found = plan_costs(variant.plan)
    memory = estimate_recipe_memory(variant.plan, variant.recipe).total
    return {name: float(getattr(found, name)) for name in PLAN_COSTS} | {"memory": float(memory)}


__all__ = ["PLAN_COSTS", "CandidateJudge", "CostBound", "Tally", "cost_bounds", "cost_text", "describe_costs",
           "variant_costs"]  # fmt: skip
