"""Searches in Python: listed, planned, and what a result shows of itself; `tests/study/search` runs them."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.spec import library
from tests.study.search.fake_fits import DOCUMENT


def test_shipped_searches_are_listed():
    assert kresnet.searches().column("name") == list(library.shipped_names("searches"))


def test_a_search_is_planned_with_overrides_and_a_seed():
    plan = kresnet.plan_search(DOCUMENT, overrides={"recipe.epochs": 6}, seed=2)
    assert (plan.recipe.value.epochs, plan.search.seed) == (6, 2)


def test_a_search_is_run_and_shows_what_it_found(fake_fits, tmp_path):
    found = kresnet.run_search({**DOCUMENT, "trials": 3}, output=tmp_path / "out", progress=False)
    assert found.complete
    assert found.error() is None
    assert repr(found) == f"<SearchResult {tmp_path / 'out'}: 3 trials, 1 finished>"
    assert "1 finished, 2 left out by halving" in str(found)
    assert found.run().path == tmp_path / f"out/trials/{found.values['best']:04}"
    assert found.command.startswith("kresnet search tiny.yaml")
    assert (tmp_path / "out/search.html").is_file()
    with pytest.raises(kresnet.KresnetError):
        found.run(99)


def test_without_optuna_the_extra_is_named(monkeypatch):
    import builtins

    real = builtins.__import__
    from kresnet import runtime

    def absent(name):
        if name == "optuna":
            raise ImportError("No module named 'optuna'")
        return real(name)

    monkeypatch.setattr(runtime, "import_module", absent)
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.plan_search(DOCUMENT)
    assert caught.value.problems[0].remedy == "pip install 'kresnet[search]'"
