"""Axes: what they draw, what they change, and that paths and values are checked before anything starts."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.plan import lower
from kresnet.plan.scaling_rules import RULES
from kresnet.spec.loading import load_spec
from tests.study.search.fake_fits import search_plan

REGNET = {"kind": "regnet", "initial_width": {"int": [8, 24], "step": 8}, "slope": {"float": [4, 32]},
          "multiplier": {"float": [1.5, 3]}, "depth": {"int": [3, 10]}}  # fmt: skip


def test_a_path_with_a_star_is_an_axis_for_each_stage_unless_tied():
    assert search_plan().axes.names == [
        "stem.width", "stages.0.width", "stages.1.width", "stages.2.width", "recipe.optimizer.learning_rate",
    ]  # fmt: skip
    tied = search_plan(space={"stages.*.width": {"int": [4, 16], "step": 4, "tied": True}})
    assert tied.axes.names == ["stages.*.width"]
    assert [stage.width for stage in tied.axes.candidate_spec({"stages.*.width": 12}).stages] == [12] * 3
    assert tied.axes.size() == 4


def test_values_are_drawn_within_their_ranges_all_of_them():
    space = {
        "stem.width": {"int": [2, 9], "step": 3},
        "head.dropout": {"float": [0.0, 0.4], "step": 0.2},
        "stochastic_depth": {"float": [0.1, 0.2]},
        "recipe.optimizer.learning_rate": {"log": [0.001, 1]},
        "activation": {"choice": ["relu", "silu"]},
    }
    drawn = search_plan(space=space, constraints={}).axes.draw(np.random.default_rng(0), 400)
    assert {values["stem.width"] for values in drawn} == {2, 5, 8}
    assert {round(values["head.dropout"], 6) for values in drawn} == {0.0, 0.2, 0.4}
    assert {values["activation"] for values in drawn} == {"relu", "silu"}
    rates = np.array([values["recipe.optimizer.learning_rate"] for values in drawn])
    assert 0.001 <= rates.min() < 0.002 < 0.5 < rates.max() <= 1
    assert 0.4 < np.mean(rates < np.sqrt(0.001)) < 0.6  # as many below the middle of the powers as above


@pytest.mark.parametrize(
    ("space", "code", "told"),
    [
        ({"stages.*.widht": {"int": [8, 64]}}, "unknown_field", "width"),
        ({"stages.7.width": {"int": [8, 64]}}, "bad_override", "0 to 2"),
        ({"block.kind": {"choice": ["basic", "botleneck"]}}, "wrong_value", "bottleneck"),
        ({"recipe.optimizer.rate": {"log": [0.1, 1]}}, "unknown_field", "learning_rate"),
        ({"stages.*.width": {"int": [0, 8]}}, "out_of_range", "greater than or equal to 1"),
        ({"recipe.seed": {"int": [0, 8]}}, "contradiction", "leave it out"),
        ({"norm": {"choice": [{"kind": "none"}]}, "norm.kind": {"choice": ["none"]}}, "contradiction", "leave one"),
    ],
)
def test_what_is_no_setting_and_no_value_is_told_once(space, code, told):
    with pytest.raises(KresnetError) as caught:
        search_plan(space=space)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.path == f"space.{list(space)[-1]}"
    assert told in f"{problem.nearest} {problem.expected} {problem.remedy}"


def test_a_scaled_shape_is_what_scale_makes():
    plan = search_plan(shape={"kind": "scale", "by": "width", "phi": {"float": [-3, 0]}}, space={})
    settings = plan.axes.settings({"shape.phi": -1.0})
    widths = [settings[f"stages.{index}.width"] for index in range(3)]
    factor = RULES["width"].factors(-1.0)[1]
    assert widths == [round(width * factor / 8) * 8 for width in (32, 64, 128)]


def test_a_regnet_shape_has_published_widths():
    """RegNetX-200MF: w_0 = 24, w_a = 36.44, w_m = 2.49, depth 13: widths 24, 56, 152, 368 (Radosavovic et al. 2020)."""
    overrides = {"stages": [{"blocks": 1, "width": 8, "stride": 1}] * 4}
    assert len(load_spec("quickstart", overrides).value.stages) == 4
    plan = search_plan(shape=REGNET, space={}, set={"recipe.data.validation": 0.2, "recipe.epochs": 3, **overrides},
                       constraints={})  # fmt: skip
    values = {"initial_width": 24, "slope": 36.44, "multiplier": 2.49, "depth": 13}
    settings = plan.axes.settings({f"shape.{name}": value for name, value in values.items()})
    assert [settings[f"stages.{n}.width"] for n in range(4)] == [24, 56, 152, 368]
    assert [settings[f"stages.{n}.blocks"] for n in range(4)] == [1, 1, 4, 7]
    assert plan.axes.settings({f"shape.{n}": v for n, v in (values | {"depth": 2}).items()}) is None


def test_a_candidate_is_what_its_overrides_make():
    plan = search_plan()
    values = plan.axes.draw(np.random.default_rng(0), 1)[0]
    spec, _ = plan.axes.apply([])
    own = {name: value for name, value in values.items() if not name.startswith("recipe.")}
    assert lower(plan.axes.candidate_spec(values)) == lower(load_spec(spec, own).value)
