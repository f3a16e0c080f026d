"""Parts are chosen by name, and every name leads to a function."""

from __future__ import annotations

import itertools

import pytest

from kresnet.diagnostics.device_check.registry import DEVICE_PARTS, select_parts
from kresnet.errors import KresnetError


def test_every_part_has_a_function_of_its_own_and_a_name_of_its_own():
    functions = [part.load() for part in DEVICE_PARTS]
    assert all(callable(function) for function in functions)
    assert len({part.name for part in DEVICE_PARTS}) == len(set(functions)) == len(DEVICE_PARTS)


def test_a_process_is_entered_once_and_sees_the_same_gpus_throughout():
    groups = [(name, list(parts)) for name, parts in itertools.groupby(DEVICE_PARTS, key=lambda part: part.process)]
    assert len({name for name, _ in groups}) == len(groups)
    assert all(len({part.one_gpu for part in parts}) == 1 for _, parts in groups)


def test_parts_are_chosen_in_the_order_of_the_check():
    assert select_parts([]) == list(DEVICE_PARTS)
    assert [part.name for part in select_parts(["xla", "devices"])] == ["devices", "xla"]


def test_an_unknown_part_is_told_with_the_nearest_name():
    with pytest.raises(KresnetError) as caught:
        select_parts(["devises"])
    problem = caught.value.problems[0]
    assert (problem.code, problem.nearest) == ("bad_option", "devices")
