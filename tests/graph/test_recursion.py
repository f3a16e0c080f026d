"""Networks with more layers in a row than Python's calls may nest."""

from __future__ import annotations

import contextlib
import sys

import pytest

from kresnet.graph import build_model
from kresnet.graph.recursion import room_for_recursion
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import write_model


@pytest.fixture
def low_limit():
    """A limit that a network of few layers passes, so that the test is a quick one."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    yield
    sys.setrecursionlimit(before)


def test_a_network_of_more_layers_than_calls_may_nest_is_built_and_written(tmp_path, low_limit):
    plan = plan_loaded(
        load_spec({
            "name": "deep",
            "input": {"shape": [1]},
            "norm": {"kind": "none"},
            "stem": {"kind": "none"},
            "block": {"kind": "dense"},
            "stages": [{"blocks": 60, "width": 1}],
            "head": {"kind": "none"},
        })
    )  # fmt: skip
    assert len(plan.records) > sys.getrecursionlimit()
    write_model(build_model(plan), plan, tmp_path / "deep.keras")  # which reads back what it wrote


def test_the_limit_is_taken_back():
    before = sys.getrecursionlimit()
    with contextlib.suppress(ValueError), room_for_recursion(10):
        raise ValueError(sys.getrecursionlimit() - before)
    assert sys.getrecursionlimit() == before
