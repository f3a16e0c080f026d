"""Plans and their differences as text and as tables."""

import pytest

import kresnet
from kresnet.plan.diff import PlanDifference
from kresnet.plan.render import block_cells, difference_html, difference_text, plan_html, plan_text


@pytest.fixture(scope="module")
def difference() -> PlanDifference:
    return kresnet.diff("cifar_resnet20", "cifar_plain20")


def test_the_text_of_a_plan_has_every_stage_and_its_total():
    plan = kresnet.load("cifar_resnet20").plan()
    text = plan_text(plan)
    assert all(f"stage {stage}" in text for stage in (1, 2, 3))
    assert f"{plan.trainable + plan.non_trainable:,} parameters" in text.splitlines()[-1]
    assert plan_html(plan).count("<tr") == len(text.splitlines()) - 2, "the rule and the total are no rows"


def test_every_block_that_differs_is_in_one_row(difference):
    columns, rows = block_cells(difference)
    assert len(columns) == len(rows[0]) == 5
    assert len(rows) == len(difference.grouped_blocks()) <= len(difference.blocks)
    assert sum(len(blocks) for blocks in difference.grouped_blocks()) == len(difference.blocks)
    assert all(row[0].startswith("stage") for row in rows)


def test_a_difference_is_the_same_settings_as_text_and_html(difference):
    text, html = difference_text(difference), difference_html(difference)
    for setting in difference.settings:
        assert setting.path in text
        assert setting.path in html
