"""Where the paths of blocks separate, read off plans of every order."""

from __future__ import annotations

from itertools import pairwise

from kresnet.probes.block_paths import batch_norms, block_paths
from tests.probes.small_networks import plan_of


def test_every_block_is_named_with_its_ends():
    blocks = block_paths(plan_of())
    assert [block.name for block in blocks] == ["stage1.block1", "stage1.block2", "stage2.block1", "stage2.block2"]
    for before, block in pairwise(blocks):
        assert block.input == before.output


def test_a_shortcut_and_a_residual_branch_leave_the_fork():
    plan = plan_of()
    identity, projection = (block_paths(plan)[index].fork for index in (1, 2))
    assert identity.identity == ((identity.add, identity.at),)
    assert projection.at == block_paths(plan)[2].input
    assert plan.by_name[projection.identity[0][0]].name.startswith("stage2.block1.shortcut")
    for fork in (identity, projection):
        assert all(source == fork.at for _, source in (*fork.identity, *fork.residual))
        assert not set(fork.identity) & set(fork.residual)


def test_a_plain_block_has_no_fork():
    plan = plan_of(block={"kind": "basic", "shortcut": "none"})
    assert all(block.fork is None for block in block_paths(plan))


def test_batch_norms_are_those_of_the_plan_in_order():
    norms = batch_norms(plan_of())
    assert [norm.name for norm in norms][:3] == ["stem.norm", "stage1.block1.norm1", "stage1.block1.norm2"]
    assert batch_norms(plan_of(norm={"kind": "none"})) == []
