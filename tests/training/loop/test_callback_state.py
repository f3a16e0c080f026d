"""States of callbacks come back from a checkpoint's JSON and arrays as they were."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from kresnet.training.loop.callback_state import pack, split_arrays, unpack

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | arrays_of.arrays(st.sampled_from([np.float32, np.int64, np.bool_]), st.sampled_from([(), (2,), (2, 3)]),
                       elements={"allow_nan": False})
)  # fmt: skip
KEYS = st.text(min_size=1, max_size=5).filter(lambda key: key != "__array__")
STATES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(state=STATES)
def test_a_state_comes_back(state):
    arrays = {}
    packed = json.loads(json.dumps(pack(state, "Mine", arrays), allow_nan=False))
    assert_equal(unpack(packed, arrays), state)


def assert_equal(one, other):
    if isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in other:
            assert_equal(one[key], other[key])
    elif isinstance(other, list):
        for each, same in zip(one, other, strict=True):
            assert_equal(each, same)
    else:
        np.testing.assert_array_equal(one, other)


def test_numbers_that_json_does_not_have_come_back():
    arrays = {}
    lowest, none = unpack(pack([-math.inf, math.nan], "Mine", arrays), arrays)
    assert lowest == -math.inf
    assert math.isnan(none)
    assert isinstance(lowest, float)


def test_arrays_of_callbacks_are_told_from_those_of_variables():
    arrays = {"00000": np.zeros(3)}
    pack({"mean": np.ones(2)}, "Mine", arrays)
    variables, of_callbacks = split_arrays(arrays)
    assert list(variables) == ["00000"]
    assert list(of_callbacks) == ["callbacks/Mine/mean"]


@pytest.mark.parametrize("wrong", [object(), {1: 2}, {"a": [{"b": {3}}]}, {"__array__": 1}])
def test_anything_else_is_named(wrong):
    with pytest.raises(TypeError, match="Mine"):
        pack(wrong, "Mine", {})
