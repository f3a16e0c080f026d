"""Networks scaled to a budget, by their plans alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network, load
from kresnet.errors import make_error
from kresnet.files import AnyPath, refuse_existing, write_text
from kresnet.plan.budget import QUANTITIES, Budget, amount_text, make_budget
from kresnet.plan.budget_search import BudgetSearch, name_scaled, search_budget
from kresnet.plan.scaling_rules import WIDTH_MULTIPLE, find_rule
from kresnet.plan.summary import with_unit_prefix
from kresnet.plan.tables import text_table
from kresnet.spec.document import dump
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from kresnet.plan.diff import PlanDifference


@dataclass(frozen=True, slots=True)
class ScaledNetwork:
    """A network that `kresnet.scale` made of another.

    Attributes:
        base: the network that was scaled.
        network: the largest network within the budget; `base` itself, if that is it.
        search: how it was found: `rule`, `scaled.phi`, `plans_tried`, `limited_by`, `next_larger`.
    """

    base: Network
    network: Network
    search: BudgetSearch

    @property
    def changed(self) -> bool:
        """Whether the network is another than the one that was scaled."""
        return self.search.changed

    @property
    def difference(self) -> PlanDifference:
        """How the network differs from the one that was scaled, as `kresnet.diff` tells it."""
        from kresnet.plan.diff import diff_plans

        return diff_plans(self.base.plan(), self.network.plan(), self.base.document(), self.network.document())

    def yaml(self) -> str:
        """Return the network as a spec that stands alone: what the scaled spec stated, with the settings scaled."""
        return dump(self.network.loaded.source.values)

    def save(self, path: AnyPath) -> Path:
        """Write `yaml` to a new file.

        Raises:
            KresnetError: `output_exists`, `not_writable` or `disk_full`.
        """
        path = Path(path)
        refuse_existing(path)
        write_text(path, self.yaml())
        return path

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return columns and rows of a table: what was scaled and what it costs, before, after, and the budget."""
        search, specs = self.search, (self.base.spec, self.network.spec)
        plans, settings = (self.base.plan(), self.network.plan()), (search.base.settings, search.scaled.settings)
        rows = [("weighted layers", *(str(plan.weighted_layers) for plan in plans), "", "")]
        rows += [("blocks", *(_listed(stage.blocks for stage in spec.stages) for spec in specs), "", "")]
        rows += [
            (path, *(_plain(side[path]) for side in settings), "", "") for path in settings[0] if path[:6] != "stages"
        ]
        rows += [("widths", *(_listed(stage.width for stage in spec.stages) for spec in specs), "", "")]
        limits, costs = search.budget.limits, [search.budget.costs(plan) for plan in plans]
        for name in costs[0]:
            budget, share = "", ""
            if name in limits:
                budget, share = _cost(name, limits[name]), f"{costs[1][name] / limits[name]:.1%}"
            rows.append((_title(name, search.budget), *(_cost(name, side[name]) for side in costs), budget, share))
        return ("", "before", "after", "budget", "used"), rows

    def summary(self) -> str:
        """Return in a sentence or two by what rule and factors the network was found, and how near it is."""
        search = self.search
        depth, width, resolution = search.rule.factors(search.scaled.phi)
        limit = search.limited_by
        near = f"{limit.share:.1%} of {amount_text(limit.quantity, limit.limit)}"
        tried = f"{search.plans_tried} plans tried"
        if not self.changed:
            return f"{self.base.name} is the nearest already: {near}; {self._next_larger()}. {tried}."
        return (
            f"{self.base.name} scaled by {search.rule.name}, phi {search.scaled.phi:.3f}: depth x {depth:.3f}, width x "
            f"{width:.3f}, resolution x {resolution:.3f} ({search.rule.source}). "
            f"{near}; {self._next_larger()}. {tried}."
        )

    def _next_larger(self) -> str:
        above = self.search.next_larger
        if above is None:
            return "a spec may not be larger"
        over = max(self.search.budget.comparisons(above.plan), key=lambda each: each.share)
        return f"the next larger takes {over.share:.1%} of the {QUANTITIES[over.quantity]}"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        search = self.search
        depth, width, resolution = search.rule.factors(search.scaled.phi)
        sides = (("before", self.base, search.base.settings), ("after", self.network, search.scaled.settings))
        return {
            "name": self.network.name,
            "changed": self.changed,
            "by": search.rule.name,
            "source": search.rule.source,
            "phi": round(search.scaled.phi, 6),
            "factors": {"depth": round(depth, 6), "width": round(width, 6), "resolution": round(resolution, 6)},
            "plans_tried": search.plans_tried,
            "budget": {each.quantity: each.as_dict() for each in search.budget.comparisons(self.network.plan())},
            "batch_size": search.budget.batch_size,
            "limited_by": search.limited_by.quantity,
            **{
                side: search.budget.costs(network.plan())
                | {"weighted_layers": network.plan().weighted_layers, "settings": settings}
                for side, network, settings in sides
            },
            "next_larger": search.next_larger and search.budget.costs(search.next_larger.plan),
            "spec": self.network.loaded.source.values,
            "difference": self.difference.as_dict(),
        }

    def __str__(self) -> str:
        columns, rows = self.table()
        return f"{text_table(columns, rows, columns[1:])}\n{self.summary()}"


def scale(
    reference: Reference | Network,
    *,
    macs: float | str | None = None,
    parameters: float | str | None = None,
    memory: float | str | None = None,
    by: str = "compound",
    batch_size: int = 32,
    width_multiple: int = WIDTH_MULTIPLE,
    name: str = "",
    overrides: Overrides = (),
) -> ScaledNetwork:
    """Scale a network to the largest that a budget allows, by its plan alone; nothing over the budget is returned.

    Examples:
        >>> scaled = scale("resnet50", macs=1e9, by="width")
        >>> [stage.width for stage in scaled.network.spec.stages]
        [32, 64, 120, 248]
        >>> scaled.network.plan().macs
        996957376

    Args:
        reference: what `kresnet.load` takes, or a network.
        macs: the most multiply-accumulates for one input, as a number or as text: `1e9`, `"600M"`.
        parameters: the most parameters, trainable or not.
        memory: the most bytes of one training step in float32, by the plan's estimate: `4e9`, `"4GiB"`.
        by: the rule: `depth`, `width`, `resolution`, or `compound`, which scales all three (Tan and Le 2019,
            arXiv:1905.11946; `kresnet.plan.scaling_rules` tells what each changes and how it is rounded).
        batch_size: inputs of the step whose memory is limited.
        width_multiple: what widths are rounded to a multiple of, where the network's own are.
        name: name of the new network; made of the old one, the rule and the budget by default.
        overrides: settings to change before, as for `kresnet.load`.

    Raises:
        KresnetError: `budget_unmet`, with the smallest network, if none is within the budget; `bad_option`; and what
            loading raises.
    """
    rule = find_rule(by)
    budget = make_budget(macs, parameters, memory, batch_size)
    if isinstance(width_multiple, bool) or not isinstance(width_multiple, int) or not 1 <= width_multiple <= 65_536:
        expected = "a whole number from 1 to 65,536"
        raise make_error("bad_option", "Widths are multiples of a whole number.", expected=expected,
                         found=str(width_multiple), remedy="--width-multiple 8")  # fmt: skip
    base = load(reference, overrides)
    search = search_budget(base.loaded, budget, rule, width_multiple=width_multiple)
    return ScaledNetwork(base, Network(name_scaled(search, name)), search)


def _title(quantity: str, budget: Budget) -> str:
    if quantity == "memory":
        return f"memory, a step of {budget.batch_size}"
    return "MACs" if quantity == "macs" else quantity


def _cost(quantity: str, amount: int) -> str:
    if quantity == "macs":
        return with_unit_prefix(amount)
    return amount_text(quantity, amount).removesuffix(" of memory").removesuffix(f" {quantity}")


def _listed(values: Any) -> str:
    return ", ".join(map(str, values))


def _plain(value: Any) -> str:
    return _listed(value) if isinstance(value, list) else str(value)


__all__ = ["ScaledNetwork", "scale"]
