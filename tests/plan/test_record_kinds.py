"""How records are called, and that every kind which a plan has or the builder appends is known."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import kresnet.plan.plan_builder
from kresnet.plan.kinds import RECORDS, record_kind
from kresnet.plan.records import Record


def record(kind: str, /, shape: tuple[int, ...] = (8, 8, 16), **settings: Any) -> Record:
    return Record("stage1.block1.layer", kind, ("input",), shape, settings)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (record("conv", kernel=3, stride=2, groups=4, dilation=1), "3x3 16 groups 4 /2"),
        (record("depthwise_conv", kernel=7, stride=1, dilation=2), "depthwise 7x7 dilation 2"),
        (record("pool", how="max", size=3, stride=2), "max pool 3x3 /2"),
        (record("layer_scale", initial=1e-6), "layer scale"),
        (record("response_norm", epsilon=1e-6), "global response norm"),
        (record("norm", kind="layer"), "layer norm"),
        (record("add"), "add"),
    ],
)
def test_a_layer_in_words(found, words):
    assert record_kind(found).describe(found) == words


def test_what_a_layer_keeps_depends_on_what_it_does():
    assert record_kind(found := record("activation", function="relu")).kept_for_backward(found) == ("output",)
    assert record_kind(found := record("activation", function="gelu")).kept_for_backward(found) == ("inputs",)
    assert record_kind(found := record("pool", how="average")).kept_for_backward(found) == ()
    assert record_kind(found := record("depthwise_conv")).kept_for_backward(found) == ("inputs",)


def test_the_builder_appends_no_kind_that_is_not_registered():
    tree = ast.parse(Path(kresnet.plan.plan_builder.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.append"]
    kinds = {argument.value for call in calls for argument in call.args[1:2] if isinstance(argument, ast.Constant)}
    assert len(kinds) > 20
    assert kinds == {kind for kind, known in RECORDS.items() if known.layer is None}
