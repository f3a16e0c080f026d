"""How far kernels may be from float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT16, FLOAT32, TF32
from kresnet.diagnostics.device_check.rounding import device_precisions, rounding_bound, training_device


def test_fewer_bits_and_more_terms_may_be_further_away():
    bounds = [rounding_bound(precision, 64) for precision in (FLOAT32, FLOAT16, BFLOAT16)]
    assert bounds == sorted(bounds)
    assert rounding_bound(FLOAT32, 64) < rounding_bound(FLOAT32, 6400) < rounding_bound(TF32, 64)


@pytest.mark.parametrize(("precision", "type_"), [(FLOAT32, np.float32), (FLOAT16, np.float16)])
def test_a_product_by_numpy_is_within_and_a_thousandth_of_it_is_not_in_float32(precision, type_):
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((64, 64)).astype(type_) for _ in range(2))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    rounded = (a.astype(np.float32) @ b.astype(np.float32)).astype(type_)
    bound = rounding_bound(precision, 64)
    assert np.linalg.norm(rounded - exact) / np.linalg.norm(exact) < bound
    assert (precision == FLOAT16) or bound < 1e-3


def test_a_cpu_has_every_precision_but_tf32():
    if not tf.config.list_physical_devices("GPU"):
        assert device_precisions() == [FLOAT32, BFLOAT16, FLOAT16]
        assert training_device() == "CPU:0"
