"""Numbers as the tables of a study show them."""

from __future__ import annotations

import statistics

from kresnet.study.result_files import mean_and_spread
from kresnet.study.results import summary


def test_mean_and_spread_as_text():
    assert mean_and_spread(None, 100, "{:.2f}") == "–"
    one = summary([{"test_error": 0.1234}])["test_error"]
    assert mean_and_spread(one, 100, "{:.2f}") == "12.34"
    two = summary([{"test_error": 0.10}, {"test_error": 0.12}])["test_error"]
    assert (
        mean_and_spread(two, 100, "{:.2f}") == f"11.00 ± {100 * statistics.stdev([0.10, 0.12]):.2f}" == "11.00 ± 1.41"
    )
