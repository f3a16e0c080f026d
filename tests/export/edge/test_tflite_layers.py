"""Operations of a file, by the names of the plan's layers."""

from __future__ import annotations

from kresnet.export.edge.tflite_layers import layer_of, tensors_of_layers, tflite_operations
from tests.export.edge.small_files import SmallNetwork


def test_operations_carry_the_names_of_layers(small: SmallNetwork, int8_file: bytes) -> None:
    operations = tflite_operations(small.float_file)
    weighted = {layer_of(each, small.plan) for each in operations if each.kind in ("CONV_2D", "FULLY_CONNECTED")}
    assert weighted == {record.name for record in small.plan.records if record.kind in ("conv", "dense")}
    assert layer_of(operations[-1], small.plan) == "probabilities"
    assert {each.computes for each in operations} == {"float"}
    assert {each.computes for each in tflite_operations(int8_file)} == {"integer"}


def test_a_block_names_all_its_layers(small: SmallNetwork) -> None:
    operations = tflite_operations(small.float_file)
    block = tensors_of_layers(operations, small.plan, ["stage1.block1"])
    assert tensors_of_layers(operations, small.plan, ["stage1.block1.conv1"])[0] in block
    assert len(block) == 3  # two convolutions and the addition
