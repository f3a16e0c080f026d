"""The network nearest to a budget from below, of those that a rule makes of a spec: a search over one number.

What a network costs grows with `phi`, in steps, since all settings are rounded. So the largest `phi` whose network is
within the budget is bracketed and bisected. Each network on the way is planned, once, and what it costs is read from
its plan: nothing is estimated from `phi`, and nothing over the budget is returned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log
from typing import Any

from kresnet.errors import KresnetError, make_error
from kresnet.plan import plan_loaded
from kresnet.plan.budget import Budget, BudgetComparison, amount_text
from kresnet.plan.lowering import lower
from kresnet.plan.records import Plan
from kresnet.plan.scaling_rules import WIDTH_MULTIPLE, ScaledSettings, ScalingRule
from kresnet.spec.architecture import Classifier, Regressor, Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.loading import LoadedDocument, apply_overrides

#: Where every setting has reached its least value, or one that a spec may not have.
_FURTHEST = 128.0
#: Steps of two settings that lie closer are one step.
_RESOLUTION = 1e-6


@dataclass(frozen=True, slots=True)
class ScaledPlan:
    """A network that a rule makes of another.

    Attributes:
        loaded: the spec.
        plan: its plan.
        phi: the number that depth, width and resolution were scaled by; 0 is the network itself.
        settings: the settings that scaling is about, by path, with their values in this network.
    """

    loaded: LoadedDocument[Spec]
    plan: Plan
    phi: float
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BudgetSearch:
    """What a search has found.

    Attributes:
        base, scaled: the network that was scaled, and the largest within the budget.
        rule, budget: what was searched by and for.
        plans_tried: how many different networks were planned, the first one too.
        next_larger: the smallest network of the rule that is over the budget; None if the spec allows no larger one.
    """

    base: ScaledPlan
    scaled: ScaledPlan
    rule: ScalingRule
    budget: Budget
    plans_tried: int
    next_larger: ScaledPlan | None

    @property
    def changed(self) -> bool:
        """Whether the network found is another than the one that was scaled."""
        return self.scaled.settings != self.base.settings

    @property
    def limited_by(self) -> BudgetComparison:
        """The comparison with the limit that leaves least room."""
        return max(self.budget.comparisons(self.scaled.plan), key=lambda each: each.share)


def search_budget(
    loaded: LoadedDocument[Spec], budget: Budget, rule: ScalingRule, *, width_multiple: int = WIDTH_MULTIPLE
) -> BudgetSearch:
    """Return the largest network within a budget that a rule makes of a spec.

    Args:
        loaded: the spec, which has a plan.
        budget: what the network may cost.
        rule: how it is scaled.
        width_multiple: what widths are rounded to a multiple of, where the spec's own are.

    Raises:
        KresnetError: `budget_unmet`, with what the smallest network costs; `bad_option` if the rule changes nothing of
            this network, or nothing that the budget limits.
    """
    return _Search(loaded, budget, rule, width_multiple).run()


class _Search:
    """The networks that were planned, by their settings; None for settings that make no network."""

    def __init__(self, loaded: LoadedDocument[Spec], budget: Budget, rule: ScalingRule, width_multiple: int) -> None:
        self._loaded, self._budget, self._rule = loaded, budget, rule
        self._settings = ScaledSettings(loaded.value, loaded.source.values, width_multiple)
        self._planned: dict[str, ScaledPlan | None] = {}

    def run(self) -> BudgetSearch:
        """Search, and return what was found."""
        base = self._network(0.0)
        assert base is not None  # it has a plan
        self._require_effect(base)
        low, high = self._bisect(*self._bracket(base))
        found, above = self._network(low), self._network(high) if high < inf else None
        if found is None or not self._budget.allows(found.plan) or not self._is_whole(low):
            raise self._unmet_error(self._smallest(high, base))
        if self._budget.comparisons(found.plan) == self._budget.comparisons(base.plan):
            found = base  # an image of odd sides may be longer at the same cost: that is no reason to change it
        tried = sum(network is not None for network in self._planned.values())
        return BudgetSearch(base, found, self._rule, self._budget, tried, above)

    def _network(self, phi: float) -> ScaledPlan | None:
        """The network at `phi`, or None if there is none: a map is too small, a number too large."""
        settings = self._settings.scaled(*self._rule.factors(phi))
        if (key := repr(settings)) not in self._planned:
            try:
                loaded = apply_overrides(Spec, self._loaded.source, settings, self._loaded.path)
                self._planned[key] = ScaledPlan(loaded, lower(loaded.value), phi, settings)
            except KresnetError:
                self._planned[key] = None
        known = self._planned[key]
        return known and replace(known, phi=phi)

    def _is_whole(self, phi: float) -> bool:
        """Whether each setting of the network at `phi` has an effect, which takes ten times as long as to plan it."""
        try:
            network = self._network(phi)
            return network is not None and bool(plan_loaded(network.loaded))
        except KresnetError:  # groups of a single channel, say, or the last of one block
            return False

    def _fits(self, phi: float) -> bool:
        """Whether a larger `phi` may do; what is no network is too small below 0, and too large above."""
        network = self._network(phi)
        return phi < 0 if network is None else self._budget.allows(network.plan)

    def _bracket(self, base: ScaledPlan) -> tuple[float, float]:
        """A `phi` that fits and a larger one that does not, infinite if there is none; begun where the costs point."""
        costs = {each.quantity: each for each in self._budget.comparisons(base.plan)}
        room = min(each.limit / max(each.cost, 1) for each in costs.values())
        guess = min(max(abs(log(room) / log(self._rule.growth)), 0.25), _FURTHEST)
        if room >= 1:
            low, high = 0.0, guess
            while self._fits(high):
                if high >= _FURTHEST:
                    return high, inf
                low, high = high, min(1.5 * high, _FURTHEST)
            return low, high
        low, high = -guess, 0.0
        while not self._fits(low) and low > -_FURTHEST:
            low, high = max(1.5 * low, -_FURTHEST), low
        return low, high

    def _bisect(self, low: float, high: float) -> tuple[float, float]:
        """Two neighbours, the first of which fits, and the second not; as they are if the first does not."""
        if not self._fits(low):
            return low, low
        while high < inf and high - low > _RESOLUTION:
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(middle) else (low, middle)
        return low, high

    def _smallest(self, phi: float, base: ScaledPlan) -> ScaledPlan:
        """The smallest network at `phi` or above that is whole."""
        low, high = phi, phi if self._is_whole(phi) else 0.0
        while high - low > _RESOLUTION:
            middle = (low + high) / 2
            low, high = (low, middle) if self._is_whole(middle) else (middle, high)
        return self._network(high) or base

    def _require_effect(self, base: ScaledPlan) -> None:
        """Make sure that the rule changes the network, and something that the budget limits.

        Raises:
            KresnetError: `bad_option`.
        """
        name, by, spec = base.plan.name, self._rule.name, self._loaded.value
        if all(self._settings.scaled(*self._rule.factors(phi)) == base.settings for phi in (-_FURTHEST, _FURTHEST)):
            why = "it hands out what its last stage does" if spec.input.is_image else "a vector has no resolution"
            raise make_error("bad_option", f"Scaling by {by} changes nothing in {name}: {why}.", remedy="--by depth")
        flattened = isinstance(spec.head, Classifier | Regressor) and spec.head.pool == "none"
        if by == "resolution" and set(self._budget.limits) == {"parameters"} and not flattened:
            message = f"{name} has as many parameters at any resolution."
            raise make_error("bad_option", message, remedy="--by compound, or --macs 1e9")

    def _unmet_error(self, smallest: ScaledPlan) -> KresnetError:
        """The error where even the smallest network costs too much."""
        over = [each for each in self._budget.comparisons(smallest.plan) if not each.within]
        least = [f"--{each.quantity} {each.cost}" for each in over]
        costs = " and ".join(amount_text(each.quantity, each.cost) for each in over)
        return make_error(
            "budget_unmet",
            f"Nothing that scaling {self._loaded.value.name} by {self._rule.name} makes is within the budget.",
            expected=f"at most {self._budget}",
            found=f"{costs}, of the smallest: {describe_settings(smallest.settings)}",
            remedy=f"{' '.join(least)}, or another --by",
        )


def describe_settings(settings: dict[str, Any]) -> str:
    """Return the settings of a scaled network in words: `blocks 3, 4; width 64, 128; input.shape 32, 32, 3`."""
    groups: dict[str, list[str]] = {}
    for path, value in settings.items():
        name = path.split(".")[-1] if path.startswith("stages.") else path
        groups.setdefault(name, []).extend(map(str, value) if isinstance(value, list) else [str(value)])
    return "; ".join(f"{name} {', '.join(values)}" for name, values in groups.items())


def name_scaled(search: BudgetSearch, name: str = "") -> LoadedDocument[Spec]:
    """Return the spec that was found under a name of its own, and with its origin as its source.

    Published figures are of the network that was scaled, and left out. A network that did not change stays as it is,
    unless a name is given.

    Args:
        search: what was found.
        name: the new name; by default that of the network, the rule and the first limit: `resnet50_compound_1g_macs`.

    Raises:
        KresnetError: `wrong_value` for a name that is none.
    """
    loaded, base = search.scaled.loaded, search.base.plan.name
    if not search.changed:
        return apply_overrides(Spec, loaded.source, {"name": name}, loaded.path) if name else loaded
    about = {
        "name": name or _default_name(search),
        "source": f"{base} scaled by {search.rule.name} to {search.budget} ({search.rule.source})",
    }
    stated = {key: value for key, value in loaded.source.values.items() if key not in ("published", *about)}
    return apply_overrides(Spec, SourceDocument(loaded.source.name, about | stated), about, loaded.path)


def _default_name(search: BudgetSearch) -> str:
    quantity, limit = next(iter(search.budget.limits.items()))
    unit, factor = next((pair for pair in (("g", 1e9), ("m", 1e6), ("k", 1e3)) if limit >= pair[1]), ("", 1.0))
    ending = f"_{search.rule.name}_{limit / factor:.4g}{unit}_{quantity}".replace("+", "")
    return search.base.plan.name[: 64 - len(ending)] + ending


__all__ = ["BudgetSearch", "ScaledPlan", "describe_settings", "name_scaled", "search_budget"]
