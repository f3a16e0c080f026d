"""What holds for every network that the grammar can say. The nightly run is this file with more examples:

KRESNET_PROPERTY_SCALE=375 python -m pytest tests/plan/test_properties.py tests/graph/test_random_networks.py
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError, Problem
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate
from tests.plan.mutations import ignored_fields
from tests.strategies import documents, examples, planned, specs

JUNK = st.sampled_from(
    [None, True, -1, 0, 1, 2.5, 1e300, 10**30, "", "reLU", [], [[]], [1, "a"], {}, {"kind": "conv"}, {"a": {}}]
)


def attempt(document: dict[str, Any]) -> tuple[Plan | None, tuple[Problem, ...]]:
    """The document's plan, or the problems for which it is refused; any other exception is a failure."""
    try:
        return planned(document)[1], ()
    except KresnetError as error:
        return None, error.problems


@examples(270)
@given(documents())
def test_every_document_is_planned_or_refused_with_a_code(document):
    plan, problems = attempt(document)
    assert plan.name == "random" if plan else problems
    assert all(problem.path and problem.message for problem in problems)


@examples(35)
@given(documents(), st.data())
def test_junk_anywhere_is_planned_or_refused_with_a_code(document, data):
    paths = list(_paths(document, ()))
    for _ in range(data.draw(st.integers(1, 3))):
        _put(document, data.draw(st.sampled_from(paths)), data.draw(JUNK))
    plan, problems = attempt(document)
    assert plan or problems


@examples(14, shrink=False)
@given(specs(most_stages=2, most_blocks=2), st.integers(0, 4))
def test_no_accepted_field_is_ignored(found, fifth):
    """A fifth of each spec's fields, so that more specs have their turn."""
    assert list(ignored_fields(*found, slice(fifth, None, 5))) == []


@examples(35)
@given(specs())
def test_plans_hold_together(found):
    plan = found[1]
    names = [record.name for record in plan.records]
    assert len(set(names)) == len(names)
    for index, record in enumerate(plan.records):
        assert set(record.inputs) <= set(names[:index])
        assert all(size >= 1 for size in record.shape)
    read = {name for record in plan.records for name in record.inputs} | set(plan.outputs.values())
    assert read == set(names)
    sizes = [p.size for record in plan.records for p in record.parameters]
    assert plan.trainable + plan.non_trainable == sum(sizes) == sum(record.weights for record in plan.records)
    assert plan.macs == sum(record.macs for record in plan.records)
    assert [record for _, _, run in plan.blocks() for record in run] == list(plan.records)


@examples(35)
@given(specs())
def test_the_resolved_document_says_the_same(found):
    spec, plan = found
    again = validate(Spec, SourceDocument("resolved.yaml", spec.document()))
    assert again == spec
    assert again.document() == spec.document()
    assert make_plan(again) == plan


def _paths(node: Any, path: tuple[str | int, ...]) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _put(document: Any, path: tuple[str | int, ...], value: Any) -> None:
    node = document
    for part in path[:-1]:
        try:
            node = node[part]
        except (LookupError, TypeError):
            return  # an earlier change took this part away
    if isinstance(node, dict) or (isinstance(node, list) and isinstance(path[-1], int) and path[-1] < len(node)):
        node[path[-1]] = copy.deepcopy(value)
