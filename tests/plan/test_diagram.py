"""A drawing is well-formed, self-contained, told in words too, and nothing in it overlaps or is cut off."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given

from kresnet.plan import Plan, plan_loaded
from kresnet.plan.diagram import SHOWN, draw_plan
from kresnet.plan.svg_canvas import CHARACTER
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_spec
from tests.strategies import examples, specs

NAMESPACE = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]


def drawn(name: str, *overrides: str) -> ElementTree.Element:
    return ElementTree.fromstring(draw_plan(plan_loaded(load_spec(name, overrides))))


def texts(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{NAMESPACE}text")]


def count(picture: ElementTree.Element, style: str) -> int:
    """Marks of a style; a kind of shortcut has one more in the legend."""
    marks = sum(element.get("class") == style for element in picture.iter())
    return marks - 1 if style in ("identity", "projection", "pad") else marks


def boxes(picture: ElementTree.Element) -> list[Rectangle]:
    rectangles = [r for r in picture.iter(f"{NAMESPACE}rect") if r.get("class") != "paper"]
    values = [[float(r.get(key, 0)) for key in ("x", "y", "width", "height")] for r in rectangles]
    return [(x, y, x + width, y + height) for x, y, width, height in values]


def labels(picture: ElementTree.Element) -> list[Rectangle]:
    """Roughly where each text is."""
    found = []
    for text in picture.iter(f"{NAMESPACE}text"):
        x, y, size = (float(text.get(key, 0)) for key in ("x", "y", "font-size"))
        width = len(text.text or "") * size * CHARACTER
        left = x - width / 2 if text.get("text-anchor") == "middle" else x
        found.append((left, y - size * 0.75, left + width, y + size * 0.2))
    return found


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def check(picture: ElementTree.Element) -> None:
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    for left, top, right, bottom in boxes(picture) + labels(picture):
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
    assert not any(overlap(a, b) for a, b in combinations(boxes(picture), 2))
    assert not any(overlap(a, b) for a, b in combinations(labels(picture), 2))


@given(specs(most_blocks=9))
@examples(20)
def test_nothing_overlaps_or_is_cut_off(found: tuple[Spec, Plan]) -> None:
    check(ElementTree.fromstring(draw_plan(found[1])))


@pytest.mark.parametrize("name", ["resnet50", "cifar_resnet1202", "residual_mlp", "resnetrs50", "resnet50_backbone"])
def test_shipped_networks_are_drawn_cleanly(name: str) -> None:
    check(drawn(name))


def test_every_block_is_drawn_up_to_a_limit() -> None:
    picture = drawn("resnet50")
    assert count(picture, "box") == 16
    assert count(drawn("resnet50", f"stages.2.blocks={SHOWN}"), "box") == 10 + SHOWN
    longer = drawn("resnet50", f"stages.2.blocks={SHOWN + 1}")
    assert count(longer, "more") == 1
    assert f"{SHOWN - 3} more," in texts(longer)


def test_shortcuts_are_told_apart() -> None:
    assert (count(drawn("resnet18"), "projection"), count(drawn("resnet18"), "identity")) == (3, 5)
    assert count(drawn("resnet34_a"), "pad") == 3
    plain = drawn("plain18")
    assert not [e for e in plain.iter() if e.get("class") in ("identity", "projection", "pad", "add")]


def test_shapes_stand_at_the_stage_boundaries() -> None:
    shown = texts(drawn("resnet50"))
    for shape in ("(N, 56, 56, 64)", "(N, 56, 56, 256)", "(N, 28, 28, 512)", "(N, 14, 14, 1024)", "(N, 7, 7, 2048)"):
        assert shape in shown
    assert "(N, 1000) → output logits" in shown


def test_feature_maps_leave_where_the_plan_says() -> None:
    shown = texts(drawn("resnet50_v2", "head={kind: features, stages: [2, 4]}"))
    assert [text for text in shown if "output" in text] == [
        "(N, 28, 28, 512) → output stage2",
        "(N, 7, 7, 2048) → output stage4",
    ]


def test_the_picture_is_accessible_and_self_contained() -> None:
    text = draw_plan(plan_loaded(load_spec("resnet50", ["name=a.b"])))
    picture = ElementTree.fromstring(text)
    assert picture.get("role") == "img"
    assert (picture.findtext(f"{NAMESPACE}title"), picture.get("aria-labelledby")) == ("a.b", "title desc")
    assert "stage4.block1: 1x1 512, 3x3 512 /2, 1x1 2048 to (N, 7, 7, 2048)" in (
        picture.findtext(f"{NAMESPACE}desc") or ""
    )
    assert not re.search(r"<script|href|url\(|@import", text)
