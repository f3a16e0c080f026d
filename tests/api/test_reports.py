"""Runs as data and as pages."""

from __future__ import annotations

import pytest

import kresnet


def test_a_run_is_gathered_and_written_as_a_page(whole, tmp_path):
    page = tmp_path / "new" / "page.html"
    data = kresnet.report_run(whole, page, evaluate=False, progress=False)
    assert data.as_dict()["result"] == whole.result
    assert "tiny" in page.read_text(encoding="utf-8")
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        kresnet.report_run(whole, page, evaluate=False, progress=False)


def test_two_different_runs_are_needed_to_compare(whole):
    for runs in ([], [whole], [whole, whole]):
        with pytest.raises(kresnet.KresnetError) as caught:
            kresnet.compare_runs(runs, evaluate=False, progress=False)
        assert caught.value.problems[0].code == "bad_option"
