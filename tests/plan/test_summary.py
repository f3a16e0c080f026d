"""The table adds up to the network, says what its blocks are, and published figures stand beside the plan's."""

from __future__ import annotations

import pytest
from hypothesis import given

from kresnet.plan import Plan, plan_loaded
from kresnet.plan.summary import compare_with_published, shape_text, summary_rows, with_unit_prefix
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_spec
from tests.strategies import examples, specs


def plan_of(name: str, *overrides: str) -> Plan:
    return plan_loaded(load_spec(name, overrides))


@given(specs())
@examples(20)
def test_rows_of_level_0_add_up_to_the_network(found: tuple[Spec, Plan]) -> None:
    _, plan = found
    table = summary_rows(plan)
    outer, inner = ([row for row in table if row.level == level] for level in (0, 1))
    assert sum(row.parameters for row in outer) == plan.trainable + plan.non_trainable
    assert sum(row.macs for row in outer) == plan.macs
    stages = [row for row in outer if row.part.startswith("stage")]
    assert sum(row.parameters for row in inner) == sum(row.parameters for row in stages)
    assert sum(row.blocks for row in inner) == sum(row.blocks for row in stages)
    assert table[-1].shape == plan.records[-1].shape


def test_like_blocks_share_a_row() -> None:
    table = summary_rows(plan_of("resnet50"))
    assert [row.part for row in table if row.level][:4] == ["block 1", "blocks 2-3", "block 1", "blocks 2-4"]
    row = next(row for row in table if row.part == "blocks 2-6")
    assert row.layers == "bottleneck 1x1 256, 3x3 256, 1x1 1024"
    assert (row.shortcut, row.shape, row.blocks) == ("identity", (14, 14, 1024), 5)


@pytest.mark.parametrize(
    ("spec", "overrides", "layers", "shortcut"),
    [
        ("resnet18", [], "basic 3x3 128 /2, 3x3 128", "projection /2"),
        ("resnet34_a", [], "basic 3x3 128 /2, 3x3 128", "pad /2"),
        ("plain18", [], "basic 3x3 128 /2, 3x3 128", "none"),
        ("resnet50_d", [], "bottleneck 1x1 128, 3x3 128 /2, 1x1 512", "average pool 2x2 /2, projection"),
        ("resnext50_32x4d", [], "bottleneck 1x1 256, 3x3 256 groups 32 /2, 1x1 512", "projection /2"),
        ("resnet18", ["stochastic_depth=0.5"], "basic 3x3 128 /2, 3x3 128, stochastic depth 0.188", "projection /2"),
        ("wrn_16_4", ["block.dropout=0.3"], "basic 3x3 128 /2, dropout 0.3, 3x3 128", "projection /2"),
        ("se_resnet50", [], "bottleneck 1x1 128, 3x3 128 /2, 1x1 512, squeeze-excite 32", "projection /2"),
    ],
)
def test_a_block_is_told_in_words(spec: str, overrides: list[str], layers: str, shortcut: str) -> None:
    table = summary_rows(plan_of(spec, *overrides))
    stage2 = next(index for index, row in enumerate(table) if row.part == "stage 2")
    assert (table[stage2 + 1].layers, table[stage2 + 1].shortcut) == (layers, shortcut)


def test_published_figures_stand_beside_the_plans() -> None:
    figures = "published=[{source: Someone, parameters: 25610152, counts: total, macs: 4.0e9, tolerance: 0.01}]"
    parameters, macs = compare_with_published(plan_of("resnet50", figures))
    assert parameters.agrees
    assert parameters.difference == 0
    assert macs.planned == 4_089_184_256
    assert macs.difference == pytest.approx(0.0223, abs=1e-4)
    assert not macs.agrees
    assert macs.as_dict()["agrees"] is False


def test_a_depth_has_no_tolerance() -> None:
    figures = "published=[{source: Someone, weighted_layers: 51, tolerance: 0.5}]"
    assert not compare_with_published(plan_of("resnet50", figures))[0].agrees


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1280, "1.280 k"), (118e6, "118.0 M"), (4_089_184_256, "4.089 G"), (2.5e13, "25.00 T")],
)
def test_amounts_have_decimal_prefixes(number: float, text: str) -> None:
    assert with_unit_prefix(number) == text


def test_shapes_name_their_batch() -> None:
    assert shape_text((56, 56, 64)) == "(N, 56, 56, 64)"
    assert shape_text((10,)) == "(N, 10)"
