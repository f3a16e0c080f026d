"""What all documents share: the merge rule, strictness, and their text."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kresnet.spec.base import contradiction_error, merge
from kresnet.spec.document import parse_document
from kresnet.spec.stems import StemPool


@pytest.mark.parametrize(
    ("base", "override", "expected"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}}, {"a": 1, "b": {"c": 4, "d": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"kind": "x", "a": 1}, {"kind": "y", "b": 2}, {"kind": "y", "b": 2}),
        ({"kind": "x", "a": 1}, {"kind": "x", "b": 2}, {"kind": "x", "a": 1, "b": 2}),
        ({"kind": "x", "a": 1}, {"b": 2}, {"kind": "x", "a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ],
)
def test_merge(base, override, expected):
    assert merge(base, override) == expected


def test_a_document_is_frozen_and_its_text_is_read_back():
    pool = StemPool(kind="max", size=2)
    with pytest.raises(ValidationError, match="frozen"):
        pool.size = 3
    assert StemPool.model_validate(parse_document(pool.yaml(), "pool.yaml").values) == pool
    assert pool.document() == {"kind": "max", "size": 2, "stride": 2, "fill": "lowest", "anti_alias": None}


def test_a_contradiction_carries_its_field_and_remedy():
    error = contradiction_error("width", "It is too wide", remedy="width: 1")
    assert error.type == "contradiction"
    assert error.context == {"message": "It is too wide", "field": "width", "remedy": "width: 1"}
