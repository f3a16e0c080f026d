"""From the location of a pydantic error to the place that its document speaks of."""

from __future__ import annotations

import pytest

from kresnet.spec.architecture import Spec
from kresnet.spec.block_kinds import BasicBlock, BottleneckBlock, DenseBlock
from kresnet.spec.document import parse_document
from kresnet.spec.inverted_blocks import FusedInvertedBlock, InvertedBlock
from kresnet.spec.locations import literal_choices, locate_error, stated_path


def test_a_location_loses_the_names_of_union_members():
    location = locate_error(Spec, ("block", "basic", "dropout"))
    assert location.path == ("block", "dropout")
    assert location.owner is BasicBlock
    assert location.kinds(having="reduce_first") == ["bottleneck"]
    assert {"basic", "bottleneck", "dense", "inverted"} <= set(location.kinds())


def test_an_undecided_union_has_no_owner():
    location = locate_error(Spec, ("block",))
    assert (location.path, location.owner) == (("block",), Spec)
    assert {BasicBlock, BottleneckBlock, DenseBlock, InvertedBlock, FusedInvertedBlock} <= set(location.union)


def test_indices_follow_the_field_that_they_belong_to():
    location = locate_error(Spec, ("input", "shape", 2))
    assert (location.path, location.key) == (("input", "shape", 2), "shape[2]")
    assert locate_error(Spec, ()).key == ""


def test_the_literal_values_of_a_field():
    assert locate_error(Spec, ("block", "basic", "zero_init_last")).literals == (True, False)
    assert "projection" in locate_error(Spec, ("block", "basic", "shortcut")).literals
    assert locate_error(Spec, ("name",)).literals == ()


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("head.pool", ["average", "max", "none"]),
        ("stages.0.block.stride_on", ["conv1x1", "conv3x3"]),
        ("input.any_size", ["true", "false"]),
        ("stages.0.width", []),
        ("nothing", []),
    ],
)
def test_the_words_that_a_field_may_be(path, choices):
    assert sorted(literal_choices(Spec, path.split("."))) == sorted(choices)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("norm: {epsilon: 1}", ("norm", "epsilon")),
        ("block: {norm: {epsilon: 1}}", ("block", "norm", "epsilon")),
        ("stages: [{block: {norm: {epsilon: 1}}}]", ("stages", 0, "block", "norm", "epsilon")),
        ("name: nowhere", ("block", "norm", "epsilon")),
    ],
)
def test_a_setting_is_where_the_document_states_it_before_it_cascades(text, stated):
    assert stated_path(("stages", 0, "block", "norm", "epsilon"), parse_document(text, "spec.yaml")) == stated
