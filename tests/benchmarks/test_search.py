"""What searches are worth: numbers of several days are merged seed by seed, and told as one table."""

import pytest

from benchmarks.search import comparison_table, merge_numbers


def measured(validation: float, minutes: float) -> dict[str, float]:
    return {"validation": validation, "test": validation - 0.01, "macs": 1.5e6, "epochs": 80, "minutes": minutes}


def test_a_seed_that_is_measured_again_takes_the_place_of_what_was_kept():
    kept = {"search": {"0": measured(0.8, 10), "1": measured(0.7, 10)}, "random": {"0": measured(0.6, 5)}}
    merged = merge_numbers(kept, {"random": {"2": measured(0.5, 6), "0": measured(0.9, 7)}, "fast": {}})
    assert merged["search"] == kept["search"]
    assert [(seed, each["minutes"]) for seed, each in merged["random"].items()] == [("0", 7), ("2", 6)]
    assert merged["fast"] == {}


@pytest.mark.parametrize(
    ("seeds", "row"),
    [
        ({"0": measured(0.8, 10)}, "| search | 80.00 | 79.00 | 1.50 M | 80 | 10.0 |"),
        ({"0": measured(0.8, 10), "1": measured(0.9, 12)},
         "| search | 85.00 ± 7.07 | 84.00 ± 7.07 | 1.50 ± 0.00 M | 80 ± 0 | 11.0 ± 1.4 |"),
    ],
)  # fmt: skip
def test_the_table_has_the_mean_and_the_spread_over_seeds(seeds, row):
    assert comparison_table({"search": seeds, "fast": {}}).splitlines()[-1] == row
