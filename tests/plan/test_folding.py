"""Which batch norms fold, in every order of a block, in the shipped networks, and in random ones."""

import pytest
from hypothesis import given

from kresnet.plan.folding import fold_plan
from kresnet.spec import library
from tests.golden.regenerate import plan_of
from tests.plan.networks import plan
from tests.strategies import examples, specs


@pytest.mark.parametrize(
    ("order", "left"),
    [
        ("post_activation", []),
        ("norm_after_add", [f"stage{s}.block{b}.norm_after_add" for s in (1, 2) for b in (1, 2)]),
        ("relu_before_add", []),
        ("relu_only_preactivation", []),
        # The first norm reads the stem's convolution alone; the later ones read a sum, and so does the last.
        ("full_preactivation", [f"stage{s}.block{b}.norm1" for s, b in ((1, 2), (2, 1), (2, 2))] + ["stage2.norm"]),
        ("no_activation_after_add", []),
    ],
)
def test_norms_behind_a_sum_are_left(order, left):
    original = plan(block={"order": order})
    folding = fold_plan(original)
    assert list(folding.remaining_norms) == left
    kept = [record.name for record in folding.plan.records if record.kind == "norm"]
    assert kept == left
    assert {norm.name for norm in folding.norm_by_layer.values()} | set(left) == {
        record.name for record in original.records if record.kind == "norm"
    }
    assert all(norm.inputs == (before,) for before, norm in folding.norm_by_layer.items())


def test_each_folded_norm_leaves_a_bias_and_takes_its_four_vectors():
    original, folded = plan_of("resnet50"), fold_plan(plan_of("resnet50")).plan
    channels = sum(record.shape[-1] for record in original.records if record.kind == "norm")
    assert folded.trainable == original.trainable - channels  # a bias for gamma and beta
    assert folded.non_trainable == original.non_trainable - 2 * channels == 0
    assert folded.macs == original.macs


def test_a_convolution_that_something_else_reads_is_not_changed():
    whole = plan(block={"order": "full_preactivation"}, stages=[{"blocks": 1, "width": 8}])
    again = fold_plan(whole)
    stem = whole.by_name["stem.conv"]
    assert stem.name in again.norm_by_layer  # the identity shortcut reads the activation behind the norm
    split = plan(
        stem={"kind": "none"}, block={"order": "full_preactivation"}, head={"kind": "features", "stages": [1, 2]}
    )
    folding = fold_plan(split)
    readers = [record.name for record in split.records if "stage1.block1.conv2" in record.inputs]
    assert readers == ["stage1.block1.add"]
    assert "stage1.block1.conv2" not in folding.norm_by_layer


def test_other_norms_stay():
    folding = fold_plan(plan(norm={"kind": "group", "groups": 4}))
    assert not folding.norm_by_layer
    assert not folding.remaining_norms


@pytest.mark.parametrize("name", library.shipped_names())
def test_shipped_networks_keep_only_norms_behind_a_sum(name):
    original = plan_of(name)
    for norm in fold_plan(original).remaining_norms:
        [before] = original.by_name[norm].inputs
        assert original.by_name[before].kind in ("add", "pool")


@examples(15)
@given(specs())
def test_an_activation_stands_between_a_norm_that_is_left_and_the_next_weights(found):
    """What makes folding into the layer behind a norm needless. Two are left as they are all the same: `head.norm`, of
    one vector, and the norm before a patch convolution, which ConvNeXts have as layer norm.
    """
    _, original = found
    folding = fold_plan(original)
    for record in folding.plan.records:
        if record.kind in ("conv", "dense", "pad", "identity_pad"):
            between = {name for name in folding.remaining_norms if not name.endswith(("head.norm", "downsample.norm"))}
            assert not set(record.inputs) & between
