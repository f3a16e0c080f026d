"""Costs added up part by part are those of the plan, for any network, and parts are lowered once."""

from __future__ import annotations

import pytest
from hypothesis import given

from kresnet.plan import lower
from kresnet.plan.costs import CostTable, plan_costs
from kresnet.spec import library
from kresnet.spec.loading import load_spec
from tests.strategies import examples, specs

TABLE = CostTable()


@given(specs())
@examples(8)
def test_costs_are_those_of_the_plan(made):
    spec, plan = made
    assert TABLE.costs(spec) == plan_costs(plan) == TABLE.costs(spec)


@pytest.mark.parametrize(
    "name", [name for name in library.shipped_names() if "1001" not in name and "1202" not in name]
)
def test_costs_of_shipped_networks(name):
    spec = load_spec(name).value
    plan = lower(spec)
    found = TABLE.costs(spec)
    assert (found.macs, found.parameters) == (plan.macs, plan.trainable + plan.non_trainable)
    assert found.depth == sum(record.kind in ("conv", "dense") and record.role == "main" for record in plan.records)


def test_a_stage_that_two_networks_share_is_lowered_once(monkeypatch):
    from kresnet.plan import lowering

    lowered = []
    stage = lowering._stage
    monkeypatch.setattr(lowering, "_stage", lambda *given, **named: lowered.append(1) or stage(*given, **named))
    table = CostTable()
    for width in (8, 16, 24):
        table.costs(load_spec("quickstart", {"stages.2.width": width}).value)
    assert len(lowered) == 2 + 3
