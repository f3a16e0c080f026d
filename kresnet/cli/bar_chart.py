"""Charts in a terminal: bars of eighths of a character."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT = 72, 6
#: Columns before the bars.
MARGIN = 11


def chart_width(columns: int) -> int:
    """Return how many columns of bars suit a terminal of so many columns."""
    return max(20, min(_WIDTH, columns - MARGIN - 1))


def bar_chart(
    values: Sequence[float],
    ends: tuple[str, str],
    *,
    low: float = 0.0,
    top: float | None = None,
    width: int = _WIDTH,
    height: int = _HEIGHT,
) -> list[str]:
    """Draw values, evenly spaced along the axis, as bars.

    Args:
        values: what to draw, in order.
        ends: texts below the left and the right end of the axis.
        low: value at the axis.
        top: value of the highest bar, at which higher ones are cut; the highest value by default.
        width: columns of the bars.
        height: lines of the bars.

    Returns:
        The lines of the chart, the last two being the axis.
    """
    columns = [values[min(int(place * len(values) / width), len(values) - 1)] for place in range(width)]
    top = max(values) if top is None else top
    levels = [round(8 * height * (value - low) / (top - low)) for value in columns]
    lines = []
    for row in reversed(range(height)):
        bars = "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in levels)
        label = f"{top:.3g}" if row == height - 1 else f"{low:.3g}" if row == 0 else ""
        lines.append(f"{label:>9} ┤{bars}".rstrip())
    first, last = ends
    return [*lines, f"{'':>9} └{'─' * width}", f"{'':>{MARGIN}}{first}{last:>{width - len(first)}}"]
