"""Two workers whose state differs from one's are caught; the real ones are in the slow test of the whole check."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.diagnostics.device_check.workers import relative_difference


def test_states_are_compared_as_one_vector_without_scalars():
    one = {"a": np.float32([3, 0]), "b": np.float32([[4]]), "count": np.int64(1)}
    assert relative_difference(one, {**one, "count": np.int64(2)}) == 0
    assert relative_difference(one, {**one, "a": np.float32([3, 0.5])}) == pytest.approx(0.1)
    assert not relative_difference(one, {**one, "a": np.float32([3, np.nan])}) <= 1
