"""Marks of a drawing: their sizes done by hand, their texts escaped, and the canvas wide enough for them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from kresnet.plan.svg_canvas import FONT, LINE, MARGIN, PADDING, SvgCanvas, box_size, text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_a_box_is_as_large_as_its_text_and_never_narrow():
    assert text_width("x" * 20) == pytest.approx(20 * FONT * 0.62)
    assert box_size(["x" * 20, "x"]) == pytest.approx((20 * FONT * 0.62 + 2 * PADDING, 2 * LINE + 2 * PADDING))
    assert box_size(["x"])[0] == 64.0


def test_the_canvas_reaches_a_margin_beyond_its_marks():
    canvas = SvgCanvas()
    canvas.arrow(0, 100, 10)
    assert canvas.width == 100 + MARGIN
    canvas.text(10, 10, "short")
    assert canvas.width == 100 + MARGIN
    canvas.text(90, 10, "x" * 10)
    assert canvas.width == pytest.approx(90 + text_width("x" * 10) + MARGIN)


def test_text_in_the_middle_reaches_half_as_far():
    canvas = SvgCanvas()
    canvas.text(100, 0, "x" * 10, middle=True, weight=600)
    assert canvas.width == pytest.approx(100 + text_width("x" * 10) / 2 + MARGIN)
    assert 'text-anchor="middle"' in canvas.marks[0]
    assert 'font-weight="600"' in canvas.marks[0]


def test_a_document_is_valid_xml_whatever_its_texts_say():
    canvas = SvgCanvas()
    canvas.box(0, 50, ["<a>", "b & c"], "box", "hint > hint", "caption")
    canvas.shortcut(0, 100, 50, 30, "projection", "1x1 <64>")
    canvas.turn((0, 0), (10, 90), 60)
    root = ElementTree.fromstring(canvas.document("a < b", "c & d", 200))
    assert [root.findtext(f"{NAMESPACE}{tag}") for tag in ("title", "desc")] == ["a < b", "c & d"]
    texts = [element.text for element in root.iter(f"{NAMESPACE}text")]
    assert texts == ["<a>", "b & c", "caption", "1x1 <64>"]
    assert float(root.get("height")) == 200
    assert len(list(root.iter(f"{NAMESPACE}circle"))) == 1
