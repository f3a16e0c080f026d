"""Comparison of runs that should have learned the same."""

from __future__ import annotations

import numpy as np

import kresnet


def assert_same_run(one: kresnet.Run, other: kresnet.Run) -> None:
    """Make sure that two runs ended in the same weights, bit for bit, and measured the same losses."""
    for a, b in zip(one.model().get_weights(), other.model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history.column("test.loss") == other.history.column("test.loss")
