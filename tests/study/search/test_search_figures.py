"""Figures of a search: drawn from its numbers, the same each time, and none where there is nothing to show."""

from __future__ import annotations

from kresnet.study.search.search_figures import draw_search_figures


def test_figures_are_drawn_for_what_there_is(found_search, tmp_path):
    _, values = found_search
    assert draw_search_figures(values, tmp_path) == ["front", "importance"]
    first = (tmp_path / "front.svg").read_bytes()
    assert b"MACs of an image" in first or b"svg" in first
    draw_search_figures(values, tmp_path)
    assert (tmp_path / "front.svg").read_bytes() == first
    halved = values | {"rungs": [1], "importance": None}
    assert draw_search_figures(halved, tmp_path) == ["front", "halving"]


def test_nothing_is_drawn_of_nothing(found_search, tmp_path):
    _, values = found_search
    empty = values | {"proposed": [], "fronts": {}, "importance": None}
    assert draw_search_figures(empty, tmp_path) == []
