"""Searches as tables: every line fits, and nothing is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import kresnet
from kresnet.cli.search_tables import print_search_plan, print_search_results, print_searches
from tests.study.search.fake_fits import DOCUMENT, search_plan


def printed(draw, *what, width=80):
    stream = io.StringIO()
    draw(*what, Console(file=stream, width=width))
    text = stream.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    return text


def test_shipped_searches():
    text = printed(print_searches, kresnet.searches())
    assert all(each["name"] in text for each in kresnet.searches())


def test_a_plan():
    plan = search_plan()
    text = printed(print_search_plan, plan, plan.sample(64))
    assert "6 trials in generations of 3, by tpe, halved after epoch 1." in text
    assert "0.01 to 1, logarithmic" in text


@pytest.mark.parametrize("schedule", [
    {"kind": "cosine", "warmup_epochs": 1.0}, {"kind": "cosine", "warmup_epochs": 0.5}, {"kind": "one_cycle"},
])  # fmt: skip
def test_a_plan_that_compares_runs_before_their_rates_have_risen_says_so(schedule):
    plan = search_plan(set=DOCUMENT["set"] | {"recipe.schedule": schedule})
    text = " ".join(printed(print_search_plan, plan, plan.sample(64)).split())
    note = "Until epoch 1 the rate rises, and low rates look best: let halving.first_epochs be more."
    assert (note in text) == plan.halves_in_warmup == (schedule.get("warmup_epochs") == 1.0)


def test_results(found_search):
    _, values = found_search
    text = printed(print_search_results, values, width=100)
    assert f"{values['candidates_judged']['drawn']:,} candidates drawn" in text
