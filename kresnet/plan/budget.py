"""What a network may cost: limits of multiply-accumulates, parameters and memory, and how far a plan is from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kresnet.errors import make_error, nearest
from kresnet.plan.memory_estimate import bytes_text, estimate_memory
from kresnet.plan.records import Plan

#: What a budget may limit, and what it is called in a sentence.
QUANTITIES = {"macs": "MACs", "parameters": "parameters", "memory": "bytes of memory"}

#: What may follow a number, as people write it: 600M, 1.5G, 4GiB.
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
            "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}  # fmt: skip
_AMOUNT = re.compile(r"\s*(\d[\d_]*(?:\.\d*)?(?:e[+-]?\d{1,3})?)\s*([kmgt]?i?)b?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of what a network may cost; None where there is none.

    Attributes:
        macs: multiply-accumulates for one input.
        parameters: parameters in all, trainable or not.
        memory: bytes of one training step by the plan's estimate, in float32 with one optimizer slot.
        batch_size: inputs of that step.
    """

    macs: int | None = None
    parameters: int | None = None
    memory: int | None = None
    batch_size: int = 32

    @property
    def limits(self) -> dict[str, int]:
        """The quantities that are limited, each with its limit."""
        return {name: limit for name in QUANTITIES if (limit := getattr(self, name)) is not None}

    def costs(self, plan: Plan) -> dict[str, int]:
        """Return what a network costs, each of `QUANTITIES`, limited or not."""
        return {name: self.cost(plan, name) for name in QUANTITIES}

    def cost(self, plan: Plan, quantity: str) -> int:
        """Return what a network costs of one of `QUANTITIES`."""
        if quantity == "macs":
            return plan.macs
        if quantity == "parameters":
            return plan.trainable + plan.non_trainable
        return estimate_memory(plan, self.batch_size).total

    def allows(self, plan: Plan) -> bool:
        """Return whether a network is within every limit."""
        return all(self.cost(plan, name) <= limit for name, limit in self.limits.items())

    def comparisons(self, plan: Plan) -> list[BudgetComparison]:
        """Return what a network costs beside each limit."""
        return [BudgetComparison(name, limit, self.cost(plan, name)) for name, limit in self.limits.items()]

    def __str__(self) -> str:
        return " and ".join(amount_text(name, limit) for name, limit in self.limits.items())


@dataclass(frozen=True, slots=True)
class BudgetComparison:
    """What a network costs beside a limit.

    Attributes:
        quantity: what is compared, one of `QUANTITIES`.
        limit, cost: what the budget allows, and what the network costs.
    """

    quantity: str
    limit: int
    cost: int

    @property
    def within(self) -> bool:
        """Whether the network costs no more than the budget allows."""
        return self.cost <= self.limit

    @property
    def share(self) -> float:
        """The cost over the limit."""
        return self.cost / self.limit

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {"budget": self.limit, "cost": self.cost, "share": round(self.share, 6), "within": self.within}


def amount_text(quantity: str, amount: int) -> str:
    """Return an amount with what it counts: `1,000,000 MACs`, `4 GiB of memory`."""
    return f"{bytes_text(amount)} of memory" if quantity == "memory" else f"{amount:,} {QUANTITIES[quantity]}"


def make_budget(
    macs: float | str | None = None,
    parameters: float | str | None = None,
    memory: float | str | None = None,
    batch_size: int = 32,
) -> Budget:
    """Return a budget of numbers, or of texts such as `600M` and `4GiB`.

    Raises:
        KresnetError: `bad_option` for what is no positive number, or if nothing is limited.
    """
    given = {"macs": macs, "parameters": parameters, "memory": memory}
    limits = {name: _amount(name, value) for name, value in given.items() if value is not None}
    if not limits:
        raise make_error("bad_option", "A budget limits something.", expected="MACs, parameters or memory",
                         remedy="--macs 1e9")  # fmt: skip
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise make_error(
            "bad_option", "A batch has one input or more.", found=str(batch_size), remedy="--batch-size 32"
        )
    return Budget(**limits, batch_size=batch_size)


def parse_budget(text: str) -> Budget:
    """Return the budget that a text states: `macs=1e9,parameters=3e6`.

    Raises:
        KresnetError: `bad_option`.
    """
    stated: dict[str, str] = {}
    for name, value in _pairs(text):
        if name not in QUANTITIES:
            raise make_error("bad_option", f"A budget has no `{name}`.", expected=", ".join(QUANTITIES),
                             nearest=nearest(name, list(QUANTITIES)))  # fmt: skip
        if name in stated:
            raise make_error("bad_option", f"The budget states `{name}` twice.", found=text, remedy="keep one of them")
        stated[name] = value
    return make_budget(**stated)  # type: ignore[arg-type]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise make_error("bad_option", "A budget is written QUANTITY=NUMBER, with commas between several.",
                             found=text, remedy="--budget macs=1e9,parameters=3e6")  # fmt: skip
        yield name, value


def parse_amount(text: str) -> float:
    """Return the number that a text such as `600M` or `4GiB` writes; not a number if it writes none."""
    match = _AMOUNT.fullmatch(text)
    return float(match[1].replace("_", "")) * _FACTORS.get(match[2].lower(), math.nan) if match else math.nan


def _amount(quantity: str, value: float | str) -> int:
    number = math.nan
    if isinstance(value, str):
        number = parse_amount(value)
    elif not isinstance(value, bool):
        number = float(value)
    if not math.isfinite(number) or number < 1:
        raise make_error("bad_option", f"No number of {QUANTITIES[quantity]} is written so.",
                         expected="a positive number, such as 1e9, 600M or 4GiB", found=str(value))  # fmt: skip
    return int(number)


__all__ = ["QUANTITIES", "Budget", "BudgetComparison", "amount_text", "make_budget", "parse_amount", "parse_budget"]
