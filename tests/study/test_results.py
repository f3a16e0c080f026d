"""Means and spreads over seeds, and commands as they are published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.study.results import MEASURES, shareable_command, summarize_runs
from tests.strategies import examples

RUNS = st.lists(
    st.fixed_dictionaries({name: st.floats(0.0, 1e6) for name in MEASURES}), min_size=1, max_size=6
)  # fmt: skip


@given(RUNS)
@examples(50)
def test_mean_and_spread_are_numpys(runs):
    found = summarize_runs(runs)
    assert found["finished"] == len(runs)
    for name in MEASURES:
        values = np.array([run[name] for run in runs])
        assert found[name]["values"] == values.tolist()
        assert found[name]["mean"] == pytest.approx(values.mean(), abs=1e-9)
        if len(runs) == 1:
            assert found[name]["spread"] is None
        else:
            assert found[name]["spread"] == pytest.approx(values.std(ddof=1), abs=1e-6)


def test_a_variant_without_a_finished_run_has_no_numbers():
    assert summarize_runs([]) == {"finished": 0}


def test_a_command_is_shown_without_this_machines_folders():
    command = [
        "kresnet",
        "study",
        "depth",
        "--set",
        "recipe.data.data_dir=/home/me/data",
        "-o",
        "/tmp/x y",
        "--jobs",
        "2",
    ]
    assert shareable_command(command) == "kresnet study depth --set recipe.data.data_dir=PATH -o DIR --jobs 2"
    assert shareable_command(["kresnet", "study", "a", "--report", "docs/x"]) == "kresnet study a --report REPORT"
