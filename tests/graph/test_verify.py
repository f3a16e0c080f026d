"""A model that is not what its plan says is refused."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.graph import build_model, verify_model
from kresnet.plan import Plan
from tests.golden.regenerate import plan_of

TINY = ["stages.0.blocks=1", "stages.1.blocks=1", "stages.2.blocks=1"]


def test_a_model_that_differs_from_the_plan_is_refused():
    plan = plan_of("cifar_resnet20", *TINY)
    model = build_model(plan)
    other = plan_of("cifar_resnet20", *TINY, "stages.2.width=60")
    with pytest.raises(KresnetError) as caught:
        verify_model(model, other)
    assert {problem.code for problem in caught.value.problems} == {"graph_mismatch"}
    shorter = Plan(plan.about, plan.records[:-1], {"output": plan.records[-2].name}, None)
    with pytest.raises(KresnetError, match="not in the plan"):
        verify_model(model, shorter)
