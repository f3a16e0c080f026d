"""Budgets as people write them, and what a network costs beside one."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import lower
from kresnet.plan.budget import amount_text, make_budget, parse_budget
from kresnet.plan.memory_estimate import estimate_memory
from kresnet.spec.loading import load_spec


@pytest.mark.parametrize(
    ("written", "number"),
    [("1e9", 10**9), ("600M", 600_000_000), ("1.5 G", 1_500_000_000), ("3m", 3_000_000), ("2T", 2 * 10**12),
     ("4GiB", 4 << 30), ("4Gi", 4 << 30), ("4GB", 4 * 10**9), ("512 KiB", 512 << 10), ("1_000", 1000),
     (1e9, 10**9), (12, 12), ("2.9", 2)],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(written, number):
    assert make_budget(macs=written).macs == number


@pytest.mark.parametrize(
    "written", ["", "1e", "-3", "0", "0.2", "nan", "1e999", "4 gigs", "i", "3i", True, float("inf")]
)
def test_what_is_no_positive_number_is_refused(written):
    with pytest.raises(KresnetError) as caught:
        make_budget(parameters=written)
    assert caught.value.problems[0].code == "bad_option"


def test_a_budget_is_read_from_a_text():
    budget = parse_budget("macs=1e9, parameters=3e6")
    assert budget.limits == {"macs": 10**9, "parameters": 3_000_000}
    assert str(budget) == "1,000,000,000 MACs and 3,000,000 parameters"


@pytest.mark.parametrize("text", ["", "macs", "macs=", "=3", "macs=1,macs=2", "macs=1e9;parameters=2", "1e9"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(KresnetError) as caught:
        parse_budget(text)
    assert caught.value.problems[0].code == "bad_option"


def test_the_nearest_quantity_is_named():
    with pytest.raises(KresnetError) as caught:
        parse_budget("parameter=1")
    assert caught.value.problems[0].nearest == "parameters"


@pytest.mark.parametrize("batch", [0, -1, True, 2.5])
def test_a_batch_is_a_whole_number(batch):
    with pytest.raises(KresnetError, match="one input or more"):
        make_budget(memory=1, batch_size=batch)


def test_costs_are_those_of_the_plan():
    plan = lower(load_spec("cifar_resnet20").value)
    budget = make_budget(macs=plan.macs, parameters=10**5, memory="1GiB", batch_size=8)
    macs, parameters, memory = budget.comparisons(plan)
    assert (macs.share, macs.within) == (1.0, True)
    assert (parameters.cost, parameters.within) == (plan.trainable + plan.non_trainable, False)
    assert memory.cost == estimate_memory(plan, 8).total == budget.costs(plan)["memory"]
    assert not budget.allows(plan)
    assert make_budget(macs=plan.macs).allows(plan)
    assert not make_budget(macs=plan.macs - 1).allows(plan)


def test_amounts_say_what_they_count():
    assert amount_text("macs", 1000) == "1,000 MACs"
    assert amount_text("memory", 4 << 30) == "4 GiB of memory"
