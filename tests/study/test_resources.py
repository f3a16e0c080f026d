"""The cores and GPUs of the machine are divided among the runs of a study."""

from __future__ import annotations

import os

import pytest

from kresnet.errors import KresnetError
from kresnet.study.resources import split_resources


@pytest.mark.parametrize("jobs", [2, 3, 8])
def test_cores_are_dealt_out_once_each(monkeypatch, jobs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 3, 5, 8, 13, 21, 34}, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("kresnet.study.resources.visible_gpus", list)
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
