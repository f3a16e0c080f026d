"""Numbers as the tables of a study show them."""

from __future__ import annotations

import statistics

from kresnet.study.result_files import mean_and_spread_text
from kresnet.study.results import summarize_runs


def test_mean_and_spread_as_text():
    assert mean_and_spread_text(None, 100, "{:.2f}") == "–"
    one = summarize_runs([{"test_error": 0.1234}])["test_error"]
    assert mean_and_spread_text(one, 100, "{:.2f}") == "12.34"
    two = summarize_runs([{"test_error": 0.10}, {"test_error": 0.12}])["test_error"]
    assert (
        mean_and_spread_text(two, 100, "{:.2f}")
        == f"11.00 ± {100 * statistics.stdev([0.10, 0.12]):.2f}"
        == "11.00 ± 1.41"
    )
