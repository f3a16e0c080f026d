"""Searches whose runs train nothing, for the tests of any room; what they are made of is imported on use."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def fake_fits(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have searches start no process; the stand-in tells what was started."""
    from tests.study.search.fake_fits import install

    return install(monkeypatch)


@pytest.fixture(scope="session")
def found_search(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    """A search at its end, and its results: twelve trials without halving, one of which failed."""
    from kresnet.study.search.search_results import gather_search_results
    from tests.study.search.fake_fits import FakeFit, install, run_search, search_plan

    with pytest.MonkeyPatch.context() as patch:
        install(patch).failing = {3: "diverged"}
        plan = search_plan(halving=None, trials=12, generation=6, limits="Nothing was trained.")
        run = run_search(tmp_path_factory.mktemp("search") / "out", plan)
        FakeFit.failing = {}
    return run, gather_search_results(run, ["kresnet", "search", "tiny.yaml", "-o", str(run.directory)])
