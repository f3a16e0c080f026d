"""The rounding of widths that papers share."""

from __future__ import annotations

#: What rounding leaves of a width, at least (MobileNetV2's `_make_divisible`, EfficientNet's `round_filters`).
LEAST_SHARE = 0.9


def round_to_multiple(width: float, multiple: int, least_share: float = 0.0) -> int:
    """Return the multiple nearest to a width, one at least.

    Args:
        width: the width.
        multiple: what is returned is a multiple of it.
        least_share: the least share of the width that rounding may leave; it is rounded up then. `LEAST_SHARE` in
            MobileNetV2 and EfficientNet.
    """
    rounded = max(multiple, int(width + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < least_share * width else rounded


__all__ = ["LEAST_SHARE", "round_to_multiple"]
