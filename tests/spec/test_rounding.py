"""Widths are rounded as TensorFlow's `_make_divisible` does."""

from __future__ import annotations

import pytest

from kresnet.spec.rounding import round_to_multiple


@pytest.mark.parametrize(
    ("width", "multiple", "least_share", "expected"),
    [
        (35.2, 8, 0.9, 32),  # EfficientNet-B2's stem: 32 times 1.1
        (22.4, 8, 0.9, 24),
        (18.0, 8, 0.9, 24),  # 16 would be less than nine tenths
        (18.0, 8, 0.0, 16),
        (20.0, 8, 0.0, 24),  # halfway is up
        (2.0, 8, 0.9, 8),
        (0.1, 1, 0.0, 1),
    ],
)
def test_to_the_nearest_multiple_and_up_where_too_little_would_be_left(width, multiple, least_share, expected):
    assert round_to_multiple(width, multiple, least_share) == expected
