"""Tables as text, compared letter by letter, and as HTML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from kresnet.plan.tables import html_table, text_table


def test_text_is_aligned_and_figures_stand_to_the_right():
    table = text_table(["name", "macs"], [["conv", "1"], ["a", "12,345"]], right=["macs"])
    assert table.splitlines() == ["name    macs", "────────────", "conv       1", "a     12,345"]


def test_lines_do_not_end_in_blanks():
    table = text_table(["a", "b"], [["x", ""], ["yyy", "long"]])
    assert table.splitlines() == ["a    b", "─────────", "x", "yyy  long"]


def test_every_line_has_as_many_cells_as_columns():
    with pytest.raises(ValueError, match="argument 2"):
        text_table(["a", "b"], [["x"]])


def test_html_escapes_and_marks_strong_lines():
    root = ElementTree.fromstring(html_table(["a", "<b>"], [["1", "&"], ["2", "x"]], right=["a"], strong=[1]))
    assert [cell.text for cell in root.iter("th")] == ["a", "<b>"]
    cells = list(root.iter("td"))
    assert [cell.text for cell in cells] == ["1", "&", "2", "x"]
    styles = [cell.get("style") for cell in cells]
    assert styles[:2] == ["text-align:right", "text-align:left"]
    assert styles[2:] == ["text-align:right;font-weight:600", "text-align:left;font-weight:600"]
