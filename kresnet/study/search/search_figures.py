"""Figures of a search, as those of a study: the fronts, what each setting matters, and how trials were left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kresnet.plan.summary import with_unit_prefix
from kresnet.study.figures import COLORS, RC_PARAMS, make_panels, save_figure_files

Values = Mapping[str, Any]

COST_WORDS = {"macs": "MACs of an image", "parameters": "parameters", "latency_ms": "latency of the export (ms)"}
#: Settings that the figure of importance shows.
_MOST_SHOWN = 10


def draw_search_figures(values: Values, directory: Path) -> list[str]:
    """Write each figure that there are numbers for, as PNG and SVG.

    Args:
        values: of the search, as `search.json` holds them.
        directory: that the files are written into; it exists.

    Returns:
        The names of the figures, without suffix.
    """
    drawn = []
    with matplotlib.rc_context(RC_PARAMS):
        for name, make in (("front", _front), ("halving", _halving), ("importance", _importance)):
            if (figure := make(values)) is not None:
                save_figure_files(figure, directory, name)
                drawn.append(name)
    return drawn


def _scale(values: Values) -> tuple[float, str]:
    """What a score is multiplied by, and its unit."""
    return (100.0, " (%)") if values["maximize"] else (1.0, "")


def _finished(values: Values) -> list[Values]:
    return [each for each in values["proposed"] if each["state"] == "finished" and each["value"] is not None]


def _front(values: Values) -> Figure | None:
    """A panel for each cost: a point for each finished trial, and a line along the front."""
    finished, fronts = _finished(values), values["fronts"]
    if not finished:
        return None
    scale, unit = _scale(values)
    figure, panels = make_panels([2.1] * len(fronts))
    for axes, (cost, front) in zip(panels, fronts.items(), strict=True):
        points = {
            each["trial"]: (each["costs"][cost], each["value"] * scale) for each in finished if cost in each["costs"]
        }
        all_x, all_y = zip(*points.values(), strict=True)
        axes.scatter(all_x, all_y, s=16, color=COLORS[7], edgecolor="white", linewidth=0.4)
        x, y = zip(*(points[number] for number in front), strict=True)
        axes.step(x, y, where="post", color=COLORS[0], linewidth=1.2)
        axes.scatter(x, y, s=26, color=COLORS[0], marker="D", edgecolor="white", linewidth=0.4, zorder=3)
        axes.set_title(f"validation {values['metric']}{unit} against {COST_WORDS[cost]}", loc="left")
        if cost != "latency_ms":
            axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: with_unit_prefix(number)))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.margins(x=0.08)
    return figure


def _halving(values: Values) -> Figure | None:
    """A curve for each trial against the epoch, strong for those that went to their end."""
    if not values["rungs"]:
        return None
    scale, unit = _scale(values)
    figure, (axes,) = make_panels([2.4])
    for each in values["proposed"]:
        x = [int(epoch) for epoch in each["by_epoch"]]
        y = [value * scale for value in each["by_epoch"].values()]
        ended = each["state"] == "finished"
        axes.plot(x, y, color=COLORS[0] if ended else COLORS[7], linewidth=1.2 if ended else 0.7,
                  marker="o" if len(x) < 30 else None, markersize=2.5, alpha=1.0 if ended else 0.6,
                  zorder=3 if ended else 2)  # fmt: skip
    for rung in values["rungs"]:
        axes.axvline(rung, color="0.6", linewidth=0.6, linestyle=":")
    axes.set_title(f"validation {values['metric']}{unit}; blue: trials that went to their end", loc="left")
    axes.set_xlabel("epoch; dotted: where the worse are left out")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    return figure


def _importance(values: Values) -> Figure | None:
    """A bar for each setting, the longest first."""
    if not values["importance"]:
        return None
    shares = list(values["importance"]["shares"].items())[:_MOST_SHOWN]
    figure, (axes,) = make_panels([0.6 + 0.19 * len(shares)])
    axes.barh(range(len(shares)), [100 * share for _, share in shares], color=COLORS[0], height=0.6)
    axes.set_yticks(range(len(shares)), [name for name, _ in shares])
    axes.invert_yaxis()
    axes.set_title(f"share of the variance of {values['metric']} (%)", loc="left")
    return figure


__all__ = ["COST_WORDS", "draw_search_figures"]
