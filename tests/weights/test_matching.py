"""A plan's parameters matched with a file's tensors: what fits is taken."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.weights.small_weight_files import tensors, write
from tests.weights.test_mismatch import weights_refusal


def test_what_fits_is_taken(plan, tmp_path):
    with open_weights(write(tmp_path / "a.safetensors", tensors(plan))) as source:
        found = require_match(match_weights(plan, source), plan)
        assert found.layout.name == "torchvision"
        values = {target.name: array for target, array in found.arrays()}
    kernel = tensors(plan)["layer1.0.conv2.weight"]
    np.testing.assert_array_equal(values["stage1.block1.conv2/kernel"], kernel.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(values["head.logits/kernel"], tensors(plan)["fc.weight"].T)
    assert sum(array.size for array in values.values()) == plan.trainable + plan.non_trainable


def test_the_one_dense_layer_that_is_left_is_the_head_and_of_several_none_is(plan, tmp_path):
    arrays = tensors(plan)
    renamed = {f"fc.1.{name}": arrays.pop(f"fc.{name}") for name in ("weight", "bias")}  # a dropout stands before it
    with open_weights(write(tmp_path / "a.safetensors", arrays | renamed)) as source:
        found = require_match(match_weights(plan, source), plan)
        values = {target.name: array for target, array in found.arrays()}
    assert found.renamed_head == "fc.1"
    np.testing.assert_array_equal(values["head.logits/kernel"], renamed["fc.1.weight"].T)
    two = arrays | renamed | {"fc.4.weight": renamed["fc.1.weight"]}
    assert "fc.bias for head.logits/bias" in weights_refusal(plan, write(tmp_path / "b.safetensors", two))


def test_half_precision_is_cast_and_counted(plan, tmp_path):
    import ml_dtypes

    for kind in (np.float16, ml_dtypes.bfloat16):
        arrays = {name: array.astype(kind) for name, array in tensors(plan).items()}
        with open_weights(write(tmp_path / "a.safetensors", arrays)) as source:
            found = require_match(match_weights(plan, source), plan)
            assert {tensor.type for _, tensor in found.pairs} == {np.dtype(kind).name}
            values = {target.name: array for target, array in found.arrays()}
        assert values["head.logits/bias"].dtype == np.float32
        np.testing.assert_array_equal(values["head.logits/bias"], arrays["fc.bias"].astype(np.float32))


@pytest.mark.parametrize("prefix", [
    "module.", "model.", "_orig_mod.", "backbone.", "backbone.body.", "timm_model.", "encoder.",
    "_orig_mod.module.model.", "module.model.backbone.body.",
])  # fmt: skip
def test_wrappers_are_seen_through(prefix, plan, tmp_path):
    arrays = {f"{prefix}{name}": array for name, array in tensors(plan).items()}
    counters = {"n_averaged": np.array(3), f"{prefix}bn1.num_batches_tracked": np.array(7)}
    with open_weights(write(tmp_path / "a.safetensors", arrays | counters)) as source:
        found = require_match(match_weights(plan, source), plan)
    assert found.prefix == prefix
    assert not found.unused
