"""Pieces of a network that can be run by themselves, and the stages that a recipe may name."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan.segments import require_rematerialized_stages, segments
from tests.plan.networks import plan


def test_a_segment_knows_what_goes_in_and_out():
    network = plan()
    pieces = segments(network, [2])
    assert [piece.recomputed for piece in pieces] == [False, False, False, True, True, False]
    first = pieces[1]
    assert first.inputs == ("stem.activation",)
    assert first.outputs == (first.records[-1].name,)
    assert first.inner_names == {record.name for record in first.records[:-1]}
    assert tuple(record for piece in pieces for record in piece.records) == network.records


def test_what_leaves_the_network_is_an_output():
    network = plan(head={"kind": "features", "stages": [1, 2]})
    leaving = {name for piece in segments(network, []) for name in piece.outputs}
    assert set(network.outputs.values()) <= leaving


@pytest.mark.parametrize("stages", [[3], [1, 1]])
def test_stages_that_there_are_not_or_twice_are_refused(stages):
    with pytest.raises(KresnetError) as caught:
        require_rematerialized_stages(plan(), stages)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("contradiction", "rematerialize")
    assert problem.expected == "numbers from 1 to 2, each once"


def test_stages_of_the_network_and_none_are_accepted():
    require_rematerialized_stages(plan(), [2, 1])
    require_rematerialized_stages(plan(), [])
