"""A difference names settings, blocks and records, and its costs add up."""

from __future__ import annotations

import json

from hypothesis import given

from kresnet.plan import Plan, make_plan
from kresnet.plan.diff import PlanDifference, diff_plans
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_spec
from tests.strategies import examples, specs


def difference(a: str, b: str, set_a: tuple[str, ...] = (), set_b: tuple[str, ...] = ()) -> PlanDifference:
    left, right = load_spec(a, set_a).value, load_spec(b, set_b).value
    return between(left, make_plan(left), right, make_plan(right))


def between(spec_a: Spec, a: Plan, spec_b: Spec, b: Plan) -> PlanDifference:
    return diff_plans(a, b, spec_a.document(), spec_b.document())


@given(specs(), specs())
@examples(10)
def test_costs_add_up_and_a_network_equals_itself(one: tuple[Spec, Plan], other: tuple[Spec, Plan]) -> None:
    found = between(*one, *other)
    for quantity in ("parameters", "macs"):
        a, b = found.totals()[quantity]
        assert sum(getattr(block, quantity) for block in found.blocks) == b - a
    assert sum(len(run) for run in found.grouped_blocks()) == len(found.blocks)
    assert found.identical == (not found.settings and one[1].records == other[1].records)
    json.dumps(found.as_dict())
    assert between(*one, *one).identical


def test_more_blocks_are_added_blocks() -> None:
    found = difference("resnet18", "resnet34")
    assert [(s.path, s.text("a"), s.text("b")) for s in found.settings] == [
        ("stages.0.blocks", "2", "3"),
        ("stages.1.blocks", "2", "4"),
        ("stages.2.blocks", "2", "6"),
        ("stages.3.blocks", "2", "3"),
    ]
    assert {block.status for block in found.blocks} == {"added"}
    assert [[block.block for block in run] for run in found.grouped_blocks()] == [[3], [3, 4], [3, 4, 5, 6], [3]]
    assert found.totals()["weighted_layers"] == (18, 34)


def test_a_removed_block_costs_less() -> None:
    found = difference("resnet34", "resnet18")
    assert {block.status for block in found.blocks} == {"removed"}
    assert sum(block.parameters for block in found.blocks) == 11_699_112 - 21_814_696


def test_settings_of_records_are_told_and_what_follows_is_named() -> None:
    found = difference("resnet50", "resnet50_v1")
    block = next(block for block in found.blocks if block.part == "stage2.block1")
    assert block.change_lines() == [
        "~ conv1: stride 1 → 2",
        "~ conv2: stride 2 → 1",
        "~ shape or inputs of norm1, activation1",
    ]
    assert block.parameters == 0
    assert block.macs < 0
    changes = block.as_dict()["records"]["changed"][0]["changes"]
    assert changes["output_shape"] == {"a": [56, 56, 128], "b": [28, 28, 128]}


def test_records_come_and_go() -> None:
    found = difference("resnet50", "se_resnet50")
    block = found.blocks[0]
    assert block.added[0] == "squeeze_excite.pool"
    assert not block.removed
    gone = difference("se_resnet50", "resnet50").blocks[0]
    assert gone.removed == block.added


def test_a_setting_of_one_side_only_has_a_dash_on_the_other() -> None:
    found = {s.path: (s.text("a"), s.text("b")) for s in difference("resnet50", "resnet18").settings}
    assert found["block.kind"] == ("bottleneck", "basic")
    assert found["block.expansion"] == ("4", "-")
    assert found["block.groups"] == ("null", "-")


def test_rates_of_stochastic_depth_do_not_keep_like_blocks_apart() -> None:
    found = difference("resnet50", "resnet50", ("stochastic_depth=0.1",), ("stochastic_depth=0.2",))
    assert [len(run) for run in found.grouped_blocks()] == [3, 4, 6, 3]


def test_names_and_sources_are_no_difference() -> None:
    assert difference("resnet50", "resnet50", set_b=("name=other", "source=me")).identical
    assert [s.path for s in difference("resnet50", "resnet50", set_b=("recipe=quickstart",)).settings] == ["recipe"]
