"""Small networks for the tests of this folder."""

from __future__ import annotations

from typing import Any

from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.base import merge
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate

SMALL: dict[str, Any] = {
    "name": "small",
    "input": {"shape": [16, 16, 3]},
    "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 1},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 2, "width": 8}, {"blocks": 2, "width": 16, "stride": 2}],
    "head": {"classes": 10},
}


def plan(**changes: Any) -> Plan:
    """The plan of `SMALL` with some of it changed."""
    document = merge(SMALL, changes)
    return make_plan(validate(Spec, SourceDocument("small.yaml", document)), document)


def block(plan: Plan, stage: int, number: int) -> dict[str, Any]:
    """A block's records by their name within it."""
    prefix = f"stage{stage}.block{number}."
    return {r.name.removeprefix(prefix): r for r in plan.records if (r.stage, r.block) == (stage, number)}
