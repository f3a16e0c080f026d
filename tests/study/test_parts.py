"""The small parts: shares of the machine, summaries, labels, commands as they are shown."""

from __future__ import annotations

import os
import statistics
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.study.eta import Eta
from kresnet.study.figures import _common
from kresnet.study.labels import spread, wrapped
from kresnet.study.resources import split_resources
from kresnet.study.result_files import mean_and_spread
from kresnet.study.results import MEASURES, shareable_command, summary
from tests.strategies import examples


@pytest.mark.parametrize("jobs", [2, 3, 8])
def test_cores_are_dealt_out_once_each(monkeypatch, jobs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 3, 5, 8, 13, 21, 34}, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("kresnet.study.resources.gpus", list)
    dealt = split_resources(jobs)
    assert len(dealt) == jobs
    assert sorted(core for share in dealt for core in share.cores) == [1, 2, 3, 5, 8, 13, 21, 34]
    sizes = [len(share.cores) for share in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert all(not share.environment() for share in dealt)


def test_runs_take_turns_on_the_gpus_and_one_alone_takes_all(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa, 3")
    assert [share.environment() for share in split_resources(3)] == [
        {"CUDA_VISIBLE_DEVICES": name} for name in ("GPU-aa", "3", "GPU-aa")
    ]
    assert split_resources(1)[0].environment() == {}
    assert split_resources(1)[0].cores == frozenset()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert split_resources(2)[0].gpu is None


def test_more_runs_than_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    with pytest.raises(KresnetError, match="--jobs 1 to 2"):
        split_resources(3)


def test_time_left_follows_the_work_that_was_done():
    """A run of 100 and one of 300 units; a third is not counted, since nobody knows how many images it has."""
    now = [0.0]
    recipe = SimpleNamespace(batch_size=10)
    small, large, unknown = (
        SimpleNamespace(name=name, recipe=recipe, variant=SimpleNamespace(cost=cost, images=images))
        for name, cost, images in (("small", 100, 100), ("large", 300, 200), ("unknown", 1000, None))
    )
    left = Eta([small, large, unknown], lambda: now[0])
    left.reached(large, 10, now=False)  # half of it, before
    assert left.seconds() is None
    now[0] = 5.0
    left.reached(small, 5)
    left.reached(unknown, 5)
    assert left.seconds() == pytest.approx((50 + 150) / 10)
    now[0] = 15.0
    left.reached(large, 15)
    assert left.seconds() == pytest.approx((50 + 75) / (125 / 15))
    left.ended(small)
    assert left.seconds() == pytest.approx(75 / (125 / 15))
    left.reached(large, 21)
    assert left.seconds() == 0.0


RUNS = st.lists(
    st.fixed_dictionaries({name: st.floats(0.0, 1e6) for name in MEASURES}), min_size=1, max_size=6
)  # fmt: skip


@given(RUNS)
@examples(50)
def test_mean_and_spread_are_numpys(runs):
    found = summary(runs)
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
    assert summary([]) == {"finished": 0}
    assert mean_and_spread(None, 100, "{:.2f}") == "–"
    one = summary([{"test_error": 0.1234}])["test_error"]
    assert mean_and_spread(one, 100, "{:.2f}") == "12.34"
    two = summary([{"test_error": 0.10}, {"test_error": 0.12}])["test_error"]
    assert (
        mean_and_spread(two, 100, "{:.2f}") == f"11.00 ± {100 * statistics.stdev([0.10, 0.12]):.2f}" == "11.00 ± 1.41"
    )


PLACES = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(0.01, 0.3)), max_size=8)


@given(PLACES)
@examples(200)
def test_labels_stand_in_order_and_not_over_each_other(places):
    wanted, sizes = sorted(place for place, _ in places), [size for _, size in places]
    found = spread(wanted, sizes)
    edges = [edge for place, size in zip(found, sizes, strict=True) for edge in (place - size / 2, place + size / 2)]
    assert all(a <= b + 1e-9 for a, b in pairwise(edges))
    if edges and sum(sizes) < 1:
        assert edges[0] > -1e-9
        assert edges[-1] < 1 + 1e-9


def test_labels_with_room_stand_where_they_are_wanted():
    assert spread([0.2, 0.5, 0.8], [0.1, 0.1, 0.1]) == pytest.approx([0.2, 0.5, 0.8])
    assert spread([0.5, 0.5], [0.1, 0.1]) == pytest.approx([0.45, 0.55])
    assert spread([-1.0, 2.0], [0.1, 0.2]) == pytest.approx([0.05, 0.9])


def test_names_are_broken_where_their_words_end():
    assert wrapped("plain20") == "plain20"
    assert wrapped("relu_only_preactivation") == "relu_only_\npreactivation"
    assert wrapped("sigmoid-batch_norm") == "sigmoid-\nbatch_norm"


def test_a_family_is_called_by_what_its_names_share():
    assert _common(["plain20", "plain56"]) == "plain"
    assert _common(["residual8", "residual14", "residual20"]) == "residual"
    assert _common(["A"]) == "A"
    assert _common(["x1", "y2"]) == "x1"


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
