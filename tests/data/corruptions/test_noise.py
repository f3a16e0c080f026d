"""Noise has the strength that the authors' scripts state."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.corruptions import corrupt


def test_noise_has_the_strength_that_the_scripts_state():
    grey = np.full((96, 96, 3), 127, np.uint8)
    for severity, (small, large) in enumerate(zip((0.04, 0.06), (0.08, 0.12), strict=True), start=1):
        assert corrupt(grey, "gaussian_noise", severity, 0).std() / 255 == pytest.approx(large, rel=0.03)
        assert corrupt(grey[:32, :32], "gaussian_noise", severity, 0).std() / 255 == pytest.approx(small, rel=0.06)
    assert corrupt(grey, "shot_noise", 3, 0).std() / 255 == pytest.approx(np.sqrt(127 / 255 / 12), rel=0.03)
    struck = corrupt(grey, "impulse_noise", 5, 0)
    assert [(struck == value).mean() for value in (0, 255)] == pytest.approx([0.135, 0.135], rel=0.05)
