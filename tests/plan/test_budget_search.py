"""The largest network within a budget: never over it, larger with it, and those of He et al. where it is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.plan import lower, make_plan, plan_loaded
from kresnet.plan.budget import Budget
from kresnet.plan.budget_search import BudgetSearch, name_scaled, search_budget
from kresnet.plan.scaling_rules import RULES
from kresnet.spec.loading import load_spec
from tests.strategies import examples, specs

NAMES = ["resnet18", "resnet50", "resnext50_32x4d", "cifar_resnet20", "resnetrs50", "cifar_preact164", "wrn_16_4"]


def search(reference: Any, by: str, overrides: Any = (), **limits: Any) -> BudgetSearch:
    return search_budget(load_spec(reference, overrides), Budget(**limits), RULES[by])


def search_or_code(*arguments: Any, **limits: Any) -> BudgetSearch | str:
    """What is found, or the code of the error."""
    try:
        return search(*arguments, **limits)
    except KresnetError as error:
        return error.problems[0].code


@pytest.mark.parametrize("layers", [32, 44, 56, 110])
def test_deeper_networks_of_he_et_al_are_found_from_the_shallowest(layers):
    """He et al. 2015, Table 6: n blocks a stage, 6n + 2 layers."""
    published = load_spec(f"cifar_resnet{layers}").value
    found = search("cifar_resnet20", "depth", macs=lower(published).macs)
    assert found.scaled.plan.records == lower(published).records
    assert found.limited_by.share == 1
    (figures,) = published.published
    assert found.scaled.plan.trainable == pytest.approx(figures.parameters, rel=figures.tolerance)


def test_a_narrow_network_grows_into_the_shipped_one():
    wide = lower(load_spec("resnet50").value)
    narrow = {f"stages.{index}.width": width for index, width in enumerate((32, 64, 128, 256))} | {"stem.width": 32}
    assert search("resnet50", "width", narrow, macs=wide.macs).scaled.plan.records == wide.records


def test_a_small_image_grows_to_the_published_size():
    large = lower(load_spec("resnet50").value)
    small = {"input.shape": [128, 128, 3], "input.resize.shorter_side": 146}
    found = search("resnet50", "resolution", small, macs=large.macs)
    assert found.scaled.plan.macs == large.macs
    assert found.scaled.settings["input.resize.shorter_side"] == 256  # 146 over 128, for 224


@examples(15)
@given(specs(most_stages=2, most_blocks=2), st.sampled_from(sorted(RULES)), st.sampled_from(["macs", "parameters"]),
       st.floats(0.05, 6))  # fmt: skip
def test_what_is_found_is_a_network_within_the_budget(planned, by, quantity, share):
    spec, plan = planned
    limit = max(1, int(share * Budget().cost(plan, quantity)))
    found = search_or_code(spec, by, **{quantity: limit})
    if isinstance(found, str):
        assert found in (["budget_unmet", "bad_option"] if share < 1 else ["bad_option"])
        return
    assert Budget().cost(make_plan(found.scaled.loaded.value), quantity) <= limit
    assert found.next_larger is None or Budget().cost(found.next_larger.plan, quantity) > limit
    assert (found.scaled.phi >= 0) == (share >= 1) or not found.changed
    assert plan_loaded(name_scaled(found)).records == found.scaled.plan.records


@examples(9)
@given(specs(most_stages=2, most_blocks=2), st.sampled_from(sorted(RULES)))
def test_scaling_to_its_own_cost_gives_a_network_itself(planned, by):
    spec, plan = planned
    found = search_or_code(spec, by, macs=plan.macs)
    if isinstance(found, str):
        assert found == "bad_option"  # nothing to scale
        return
    assert not found.changed
    assert found.scaled.phi == 0
    assert found.scaled.plan == plan


@examples(9)
@given(st.sampled_from(NAMES), st.sampled_from(sorted(RULES)), st.floats(-3, 2), st.floats(-3, 2))
def test_a_larger_budget_gives_no_smaller_network(name, by, one, other):
    low, high = sorted((one, other))
    own = lower(load_spec(name).value).macs
    costs = []
    for power in (low, high):
        found = search_or_code(name, by, macs=int(own * 2**power))
        assert found == "budget_unmet" or not isinstance(found, str)
        costs.append(0 if isinstance(found, str) else found.scaled.plan.macs)
    assert costs == sorted(costs)
    assert costs[1] <= own * 2**high


def test_every_limit_counts_and_the_tightest_is_told():
    found = search("resnet50", "compound", macs=10**9, parameters=5_000_000, memory=4 << 30)
    assert found.limited_by.quantity == "parameters"
    assert all(each.within for each in found.budget.comparisons(found.scaled.plan))
    assert found.scaled.plan.macs < search("resnet50", "compound", macs=10**9).scaled.plan.macs


def test_few_plans_are_tried():
    assert search("resnet50", "compound", macs=10**9).plans_tried <= 12


def test_what_nothing_meets_is_told_with_the_smallest():
    with pytest.raises(KresnetError) as caught:
        search("resnet50", "depth", macs=10**8)
    (problem,) = caught.value.problems
    smallest = lower(load_spec("resnet50", {"stages.*.blocks": 1}).value)
    assert problem.code == "budget_unmet"
    assert f"{smallest.macs:,} MACs" in problem.found
    assert problem.remedy == f"--macs {smallest.macs}, or another --by"
    assert search("resnet50", "depth", macs=smallest.macs).scaled.plan.records == smallest.records


def test_the_smallest_is_one_whose_settings_all_have_an_effect():
    """With one block a stage, the last block is the first, and `stride_in` would say nothing."""
    with pytest.raises(KresnetError) as caught:
        search("resnet50_v2_keras", "depth", macs=10**8)
    macs = int(caught.value.problems[0].remedy.split(",")[0].removeprefix("--macs "))
    assert plan_loaded(search("resnet50_v2_keras", "depth", macs=macs).scaled.loaded).macs == macs


@pytest.mark.parametrize(
    ("name", "by", "limits", "words"),
    [
        ("residual_mlp", "resolution", {"macs": 10**6}, "a vector has no resolution"),
        ("resnet18", "resolution", {"parameters": 10**6}, "as many parameters at any resolution"),
    ],
)
def test_a_rule_that_changes_nothing_is_refused(name, by, limits, words):
    with pytest.raises(KresnetError, match=words) as caught:
        search(name, by, **limits)
    assert caught.value.problems[0].code == "bad_option"


def test_a_budget_beyond_all_specs_gives_the_largest():
    found = search("cifar_resnet20", "depth", {"stages.*.width": 4, "stem.width": 4, "input.shape": [4, 4, 3]},
                   parameters=10**12)  # fmt: skip
    assert sum(stage.blocks for stage in found.scaled.loaded.value.stages) in (1998, 1999, 2000)


def test_the_scaled_spec_says_where_it_is_from():
    spec = name_scaled(search("resnet50", "width", macs=10**9)).value
    assert spec.name == "resnet50_width_1g_macs"
    assert (
        spec.source
        == "resnet50 scaled by width to 1,000,000,000 MACs (Howard et al. 2017, arXiv:1704.04861, section 3.3)"
    )
    assert spec.published == ()
    assert name_scaled(search("resnet50", "width", macs=10**9), "small").value.name == "small"


def test_an_unchanged_network_keeps_what_it_says_of_itself():
    found = search("resnet18", "width", macs=lower(load_spec("resnet18").value).macs)
    assert name_scaled(found).value == load_spec("resnet18").value
    assert name_scaled(found, "mine").value.name == "mine"
