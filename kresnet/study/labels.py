"""Names at the ends of curves, rather than in a legend, moved apart where they would overlap."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

if TYPE_CHECKING:
    from kresnet.study.figures import FigureStyle

#: Letters a line of a name may have.
_LETTERS = 15
#: Height of a line, and what is left between two names, in points.
_LINE, _GAP = 9.5, 2.0


def wrapped(name: str) -> str:
    """A name in short lines, broken at its hyphens, and at underscores where that is not enough."""
    lines = [name]
    for mark in "-_":
        lines = [part for line in lines for part in _broken(line, mark)]
    return "\n".join(lines)


def _broken(line: str, mark: str) -> list[str]:
    words = line.replace(mark, f"{mark} ")
    return [
        part.replace(" ", "") for part in textwrap.wrap(words, _LETTERS, break_on_hyphens=False, break_long_words=False)
    ]


def label_ends(axes: Axes, height: float, ends: Sequence[tuple[FigureStyle, float, float]]) -> None:
    """Write each name right of the panel, level with its curve's end or as near as there is room, and tie it there.

    Args:
        axes: whose curves are drawn, so that its limits are settled.
        height: of the panel in inches, about.
        ends: how each curve looks, and where it ends.
    """
    ends = [end for end in ends if math.isfinite(end[2])]
    if not ends:
        return
    low, high = axes.get_ylim()
    log = axes.get_yscale() == "log"

    def share(value: float) -> float:
        """Where a value stands between the panel's limits, 0 to 1."""
        if log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    order = sorted(ends, key=lambda end: share(end[2]))
    sizes = [(_LINE * (wrapped(look.name).count("\n") + 1) + _GAP) / (72.0 * height) for look, _, _ in order]
    places = spread([share(y) for _, _, y in order], sizes)
    tie = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
    for (look, x, y), place in zip(order, places, strict=True):
        dark = tuple(0.7 * part for part in to_rgb(look.color))  # light letters are hard to read in print
        axes.annotate(wrapped(look.name), xy=(x, y), xytext=(1.06, place), textcoords="axes fraction", color=dark,
                      va="center", linespacing=0.95, annotation_clip=False, arrowprops=tie)  # fmt: skip


def spread(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Places for labels, near where they are wanted, none over another, within 0 to 1 if there is room.

    Args:
        wanted: centres, ascending.
        sizes: of the labels, in the same unit.

    Returns:
        Centres, ascending: those that touch form a row, which stands in the middle of where its members want to be.
    """
    rows: list[tuple[float, float, list[int]]] = []  # centre, size, members
    for at, (centre, size) in enumerate(zip(wanted, sizes, strict=True)):
        rows.append((_within(centre, size), size, [at]))
        while len(rows) > 1 and rows[-1][0] - rows[-1][1] / 2 < rows[-2][0] + rows[-2][1] / 2:
            (_, size_b, b), (_, size_a, a) = rows.pop(), rows.pop()
            members, total = [*a, *b], size_a + size_b
            offset, centres = -total / 2, []
            for member in members:  # where the row's centre would be, for the member to be where it is wanted
                centres.append(wanted[member] - (offset + sizes[member] / 2))
                offset += sizes[member]
            rows.append((_within(sum(centres) / len(centres), total), total, members))
    places = [0.0] * len(wanted)
    for centre, total, members in rows:
        edge = centre - total / 2
        for member in members:
            places[member] = edge + sizes[member] / 2
            edge += sizes[member]
    return places


def _within(centre: float, size: float) -> float:
    """The nearest centre with which a row of that size stands between 0 and 1; the middle if it is larger."""
    return min(max(centre, size / 2), 1 - size / 2) if size < 1 else 0.5
