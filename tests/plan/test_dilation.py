"""Strides that become dilation, stage by stage, done by hand for the network of four stages of the papers."""

from __future__ import annotations

import pytest

from kresnet.plan.dilation import dilated_stages
from kresnet.spec.loading import load_spec


@pytest.mark.parametrize("output_stride", [None, 16, 8])
def test_a_stage_is_described_for_each_of_the_specs_stages(output_stride):
    overrides = [f"output_stride={output_stride}"] if output_stride else []
    spec = load_spec("resnet50_backbone", overrides).value
    assert len(dilated_stages(spec)) == len(spec.stages)


def test_without_an_output_stride_nothing_is_dilated():
    spec = load_spec("resnet50_backbone").value
    steps = [stage.block_steps(number) for stage in dilated_stages(spec) for number in (1, 2)]
    assert {step.spacing for pair in steps for step in pair} == {1}
    assert not any(step.dilated for pair in steps for step in pair)


def test_a_stage_beyond_the_output_stride_keeps_every_pixel():
    spec = load_spec("resnet50_backbone", ["output_stride=16"]).value
    last = dilated_stages(spec)[3]
    assert any(step.dilated for step in last.block_steps(1))
    assert {step.spacing for step in last.block_steps(2)} == {2}
