"""The rounding of widths that papers share."""

from __future__ import annotations


def round_to_multiple(width: float, multiple: int, least_share: float = 0.0) -> int:
    """Return the multiple nearest to a width, one at least.

    Args:
        width: the width.
        multiple: what is returned is a multiple of it.
        least_share: the least share of the width that rounding may leave; it is rounded up then. 0.9 in MobileNetV2
            and EfficientNet (`_make_divisible` and `round_filters` of their code).
    """
    rounded = max(multiple, int(width + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < least_share * width else rounded


__all__ = ["round_to_multiple"]
