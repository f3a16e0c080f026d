"""The page of a search: whole by itself, with the numbers of every figure as a table."""

from __future__ import annotations

from kresnet.report.search_page import search_page


def test_the_page_tells_what_was_found(found_search):
    _, values = found_search
    page = search_page(values)
    body = page[: page.index("<footer")]
    assert "http://" not in body
    assert "https://" not in body
    assert f"<h1>{values['search']}</h1>" in body
    assert "Nothing was trained." in body
    assert 'id="front-macs"' in body
    assert 'id="importance"' in body
    assert values["command"] in body.replace("&#39;", "'")
    assert body.count("<tr>") >= 12 + len(values["axes"])  # all trials, and what varied
    assert "has not come to its end" not in body


def test_a_search_without_an_end_says_so(found_search):
    _, values = found_search
    open_trials = [each | {"state": "open", "value": None} for each in values["proposed"]]
    nothing = {"complete": False, "rungs": [1], "fronts": {}, "importance": None, "best": None}
    page = search_page(values | nothing | {"proposed": open_trials})
    assert "The search has not come to its end." in page
    assert "No trial has finished yet." in page
    assert 'id="halving"' in page
