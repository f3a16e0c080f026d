"""Devices that are asked for and not there."""

import pytest

from kresnet.distributed.devices import gpu_memory, make_strategy
from kresnet.errors import KresnetError


@pytest.mark.parametrize(
    ("distribution", "code", "remedy"),
    [
        ("mirrored", "environment", "--set recipe.distribution=one_device"),
        ("tpu", "environment", "set TPU_NAME"),
        ("multi_worker", "contradiction", "--set recipe.distribution=auto"),
    ],
)
def test_what_this_machine_lacks_is_told_with_a_way_out(distribution, code, remedy):
    with pytest.raises(KresnetError) as caught:
        make_strategy(distribution)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert remedy in problem.remedy


def test_a_tpu_that_does_not_answer_is_told_in_time(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "grpc://127.0.0.1:9")
    with pytest.raises(KresnetError, match=r"finds no TPU: .*refused"):
        make_strategy("tpu")


def test_memory_of_a_gpu_that_is_not_there_is_unknown():
    assert gpu_memory(10**6) is None
