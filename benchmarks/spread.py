"""Repeated measurements as a median with its range."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], digits: int | None = None) -> str:
    """`median (least to greatest)`; with three significant digits, or as many decimals as asked for."""
    form = (lambda value: f"{value:.{digits}f}") if digits is not None else _significant
    return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, since both of a round met the same state of the machine."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _significant(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
