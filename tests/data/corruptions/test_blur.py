"""Blurs keep what is even, and spread a point as they say."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.corruptions import FAMILIES, corrupt


def test_blurs_keep_what_is_even_and_the_mean():
    even = np.full((96, 96, 3), 100, np.uint8)
    for kind in FAMILIES["blur"]:
        np.testing.assert_allclose(corrupt(even, kind, 5, 0), 100, atol=1)
    point = np.zeros((96, 96, 1), np.uint8)
    point[48, 48] = 255
    disk = corrupt(np.repeat(point, 3, axis=2), "defocus_blur", 2, 0)[..., 0] > 0
    rows, columns = np.nonzero(disk)
    assert (np.ptp(rows), np.ptp(columns)) == (8, 8)  # radius 4; what the smoothed edge adds is less than a level
    line = corrupt(point, "motion_blur", 1, 0)[..., 0].astype(float)
    assert line.sum() == pytest.approx(255, abs=21)  # each of 21 pixels may lose a part of a level
    assert line.argmax() == point.argmax()
