"""Compound scaling; that the widths are those of MobileNetV2's sizes, the golden figures hold against timm's."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.loading import load_spec

BASE = {
    "name": "small",
    "input": {"shape": [32, 32, 3], "pixels": {}},
    "stem": {"kind": "conv", "width": 16, "kernel": 3},
    "block": {"kind": "inverted"},
    "stages": [{"blocks": 1, "width": 16}, {"blocks": 2, "width": 24}, {"blocks": 1, "width": 40}],
    "neck": {"width": 64},
    "head": {"classes": 3},
    "scaling": {"width": 1.5, "depth": 1.2},
}


def found(**changes):
    spec = load_spec({**BASE, **changes}).value
    return spec.stem.width, [(stage.blocks, stage.width) for stage in spec.stages], spec.neck.width


def test_stem_stages_and_neck_grow():
    assert found() == (24, [(2, 24), (3, 40), (2, 64)], 96)  # 24 times 1.5 is 36, and halfway to 40; 60 to 64


@pytest.mark.parametrize(
    ("fixed", "expected"),
    [
        (["stem"], (16, [(2, 24), (3, 40), (2, 64)], 96)),
        (["neck"], (24, [(2, 24), (3, 40), (2, 64)], 64)),
        (["first_and_last"], (24, [(1, 24), (3, 40), (1, 64)], 96)),
    ],
)
def test_what_is_fixed_stays(fixed, expected):
    assert found(scaling={**BASE["scaling"], "fixed": fixed}) == expected


def test_widths_of_a_deep_stem_grow():
    deep = load_spec({**BASE, "stem": {"kind": "deep", "widths": [8, 16]}}).value
    assert deep.stem.widths == (16, 24)


def test_a_rule_of_widths_is_scaled():
    rule = {"regnet": {"w0": 8, "wa": 8.0, "wm": 2.0, "depth": 4, "group_width": 8}}
    spec = load_spec({**BASE, "block": {"kind": "basic"}, "stages": None, "widths": rule}).value
    assert [(stage.blocks, stage.width) for stage in spec.stages] == [(2, 16), (2, 24), (3, 48)]


def test_a_spec_states_its_widths_once_resolved():
    spec = load_spec(BASE).value
    assert "scaling" not in spec.document()
    assert load_spec(spec.document()).value == spec


def test_what_is_changed_is_of_the_scaled_network():
    spec = load_spec(BASE, ["scaling.width=2", "stages.1.blocks=5", "stages.*.stride=1"]).value
    assert [(stage.blocks, stage.width) for stage in spec.stages] == [(2, 32), (5, 48), (2, 80)]


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({"divisor": 4}, ("contradiction", "scaling")),
        ({"width": 0.0}, ("out_of_range", "scaling.width")),
        ({"width": 2.0, "fixed": ["head"]}, ("wrong_value", "scaling.fixed.0")),
        ({"resolution": 1.1}, ("unknown_field", "scaling.resolution")),
    ],
)
def test_what_is_wrong_is_told_where_it_is(scaling, expected):
    with pytest.raises(KresnetError) as caught:
        load_spec({**BASE, "scaling": scaling})
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [expected]
