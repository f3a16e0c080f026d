"""TF32 is allowed only where it is asked for, and the process is left as it was."""

from __future__ import annotations

import contextlib

import pytest
import tensorflow as tf

from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT32, TF32, measured_precisions
from kresnet.graph.handlers import POLICIES


@pytest.mark.parametrize(("precision", "allowed"), [(FLOAT32, False), (TF32, True), (BFLOAT16, False)])
def test_tf32_is_as_the_precision_says_and_as_before_afterwards(precision, allowed):
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    before = enabled()
    with contextlib.suppress(RuntimeError), precision.active():
        assert enabled() is allowed
        raise RuntimeError
    assert enabled() is before


def test_every_precision_is_one_of_a_recipe_and_tf32_is_of_gpus_only():
    on_gpu, on_cpu = measured_precisions(True), measured_precisions(False)
    assert {each.recipe for each in on_gpu} == {each.recipe for each in on_cpu} == set(POLICIES)
    assert TF32 in on_gpu
    assert TF32 not in on_cpu
    assert FLOAT32.dtype == TF32.dtype == tf.float32
