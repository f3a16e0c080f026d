"""Figures of a study, for a phone's width and for print without color; matplotlib draws them without a display.

Every variant has a color, a dash and a mark of its own, and its name stands at its curve. All figures are 4 inches wide
with letters of 8 points or more, so that nothing has to be enlarged where they are shown at that width.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from kresnet.plan.summary import with_unit_prefix
from kresnet.study.labels import label_ends, wrapped

Values = Mapping[str, Any]

WIDTH = 4.0
DPI = 200
STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "svg.hashsalt": "kresnet",  # so that the same numbers give the same file
}

#: Told apart without color vision (Okabe and Ito 2008), ordered so that neighbours differ in lightness too.
COLORS = ("#0072B2", "#D55E00", "#000000", "#009E73", "#CC79A7", "#56B4E9", "#7F6000", "#999999")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1.2, 1.2)), (0, (6, 1.2, 1.2, 1.2)), (0, (2.5, 2.5)))
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class FigureStyle:
    """How a variant looks in every figure."""

    name: str
    color: str
    dash: Any
    mark: str


def draw(results: Values, directory: Path) -> list[str]:
    """Write each figure that the finished runs have numbers for, as PNG and SVG.

    Returns:
        Their names, without suffix.
    """
    looks = {
        each["name"]: FigureStyle(
            each["name"], COLORS[at % len(COLORS)], DASHES[at % len(DASHES)], MARKS[at % len(MARKS)]
        )
        for at, each in enumerate(results["variants"])
        if each["finished"]
    }
    if not looks:
        return []
    drawn = []
    with matplotlib.rc_context(STYLE):
        for name, make in (("curves", _curves), ("final", _final), ("gradients", _gradients), ("cost", _cost)):
            figure = make(results, looks)
            if figure is None:
                continue
            for suffix in ("png", "svg"):
                # Without a date, so that the same numbers give the same file.
                metadata = {"Date": None} if suffix == "svg" else None
                figure.savefig(directory / f"{name}.{suffix}", dpi=DPI, metadata=metadata)
            drawn.append(name)
    return drawn


def _figure(*heights: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels, one below the other, each so many inches high."""
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for each in axes:
        each.grid(visible=True, color="0.88", linewidth=0.6)
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def _finished(results: Values, variant: str) -> list[Values]:
    return [run for run in results["runs"] if run["variant"] == variant and run["state"] == "finished"]


def _scale(results: Values) -> float:
    return 100.0 if results["measure"] == "error" else 1.0


def _unit(results: Values) -> str:
    return " (%)" if results["measure"] == "error" else ""


def _curves(results: Values, looks: Mapping[str, FigureStyle]) -> Figure:
    """Training error above, test error below, against epoch."""
    figure, panels = _figure(2.6, 2.6)
    for axes, split in zip(panels, ("train", "test"), strict=True):
        key, ends = f"{split}_{results['measure']}", []
        for name, look in looks.items():
            by_epoch: dict[int, list[float]] = {}
            for run in _finished(results, name):
                for line in run["epochs"]:
                    by_epoch.setdefault(line["epoch"], []).append(line[key] * _scale(results))
            x = sorted(by_epoch)
            y = [statistics.mean(by_epoch[epoch]) for epoch in x]
            low, high = ([of(by_epoch[epoch]) for epoch in x] for of in (min, max))
            axes.fill_between(x, low, high, color=look.color, alpha=0.15, linewidth=0)
            _line(axes, x, y, look)
            ends.append((look, x[-1], y[-1]))
        words = "training" if split == "train" else "test"
        axes.set_title(f"{words} {results['measure']}{_unit(results)}", loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        label_ends(axes, 2.0, ends)
    panels[-1].set_xlabel("epoch")
    return figure


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], look: FigureStyle) -> None:
    """A curve with some eight marks on it, however many points it has."""
    every = max(1, math.ceil(len(x) / 8))
    axes.plot(x, y, color=look.color, linestyle=look.dash, linewidth=1.4, marker=look.mark, markersize=4,
              markevery=every, markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip


def _final(results: Values, looks: Mapping[str, FigureStyle]) -> Figure:
    """Error at the end: against depth where the variants differ in it, else a row a variant."""
    variants = [each for each in results["variants"] if each["name"] in looks]
    depths = {each["weighted_layers"] for each in variants}
    return _final_by_depth(results, looks, variants) if len(depths) > 1 else _final_rows(results, looks, variants)


def _final_by_depth(results: Values, looks: Mapping[str, FigureStyle], variants: Sequence[Values]) -> Figure:
    figure, panels = _figure(2.3, 2.3)
    for axes, split in zip(panels, ("train", "test"), strict=True):
        ends = []
        for family in dict.fromkeys(each["family"] for each in variants):
            members = sorted(
                (each for each in variants if each["family"] == family), key=lambda each: each["weighted_layers"]
            )
            look = looks[members[0]["name"]]
            x = [each["weighted_layers"] for each in members]
            y, spread = _means(members, f"{split}_{results['measure']}", _scale(results))
            axes.errorbar(x, y, yerr=spread, color=look.color, linestyle=look.dash, linewidth=1.4, marker=look.mark,
                          markersize=5, capsize=3, elinewidth=1)  # fmt: skip
            ends.append(
                (
                    FigureStyle(_common([each["name"] for each in members]), look.color, look.dash, look.mark),
                    x[-1],
                    y[-1],
                )
            )
        words = "training" if split == "train" else "test"
        axes.set_title(f"{words} {results['measure']} at the end{_unit(results)}", loc="left")
        axes.set_xticks(sorted({each["weighted_layers"] for each in variants}))
        label_ends(axes, 2.0, ends)
    panels[-1].set_xlabel("weighted layers")
    return figure


def _final_rows(results: Values, looks: Mapping[str, FigureStyle], variants: Sequence[Values]) -> Figure:
    figure, (axes,) = _figure(0.9 + 0.34 * len(variants))
    for at, each in enumerate(variants):
        look = looks[each["name"]]
        for split, filled, offset in (("train", False, -0.14), ("test", True, 0.14)):
            (mean,), (spread,) = _means([each], f"{split}_{results['measure']}", _scale(results))
            axes.errorbar(mean, at + offset, xerr=spread, color=look.color, marker=look.mark, markersize=6, capsize=3,
                          elinewidth=1, markerfacecolor=look.color if filled else "white")  # fmt: skip
    axes.set_yticks(range(len(variants)), [wrapped(each["name"]) for each in variants])
    axes.invert_yaxis()
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_title(f"{results['measure']} at the end{_unit(results)}", loc="left")
    axes.set_xlabel("open: training     filled: test")
    return figure


def _means(variants: Sequence[Values], key: str, scale: float) -> tuple[list[float], list[float]]:
    """Means, and spreads with 0 for a single run."""
    means = [each[key]["mean"] * scale for each in variants]
    return means, [(each[key]["spread"] or 0.0) * scale for each in variants]


def _common(names: Sequence[str]) -> str:
    """What the names of a family have in common: `plain` of `plain20` and `plain56`."""
    return names[0] if len(names) == 1 else commonprefix(names).rstrip("0123456789-_.") or names[0]  # noqa: RUF071


def _gradients(results: Values, looks: Mapping[str, FigureStyle]) -> Figure | None:
    """Norms of dL/d(block output) from the first block to the last, in the first step and late in training."""
    runs = {name: [run for run in _finished(results, name) if len(run["gradients"]) == 2] for name in looks}
    if not any(runs.values()):
        return None
    figure, panels = _figure(2.6, 2.6)
    for axes, look_at in zip(panels, (0, 1), strict=True):
        ends, steps = [], set()
        for name, look in looks.items():
            if not runs[name]:
                continue
            norms = [run["gradients"][look_at]["delta"] for run in runs[name]]
            steps |= {run["gradients"][look_at]["step"] for run in runs[name]}
            y = [_geometric_mean(block) for block in zip(*norms, strict=True)]
            x = list(range(1, len(y) + 1))
            _line(axes, x, y, look)
            there = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
            ends += [(look, *there[0])] if there else []
        axes.set_yscale("log")
        axes.invert_xaxis()  # as the gradient travels; curves differ most where it arrives, and are named there
        low, high = (math.log10(limit) for limit in axes.get_ylim())
        if high - low < 1.5:  # else every tick between two powers of ten would be written out
            axes.set_ylim(10 ** math.floor(low), 10 ** math.ceil(high))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_title(f"‖∂L/∂(block output)‖ in step {', '.join(map(str, sorted(steps)))}", loc="left")
        label_ends(axes, 2.0, ends)
    panels[-1].set_xlabel("block; the gradient travels to the right, to the input")
    return figure


def _geometric_mean(values: Sequence[float | None]) -> float:
    """Not a number where one of the values is zero or none."""
    return math.exp(statistics.mean(map(math.log, values))) if all(values) else math.nan  # type: ignore[arg-type]


def _cost(results: Values, looks: Mapping[str, FigureStyle]) -> Figure:
    """What accuracy costs: a point a variant against MACs, where they differ, and a curve a variant against time."""
    variants = [each for each in results["variants"] if each["name"] in looks]
    percent = results["measure"] == "error"
    words = "accuracy (%)" if percent else "loss"
    differ = len({each["macs"] for each in variants}) > 1
    figure, panels = _figure(*([2.4] if differ else []), 2.6)
    if differ:
        _against_macs(panels[0], results, looks, variants, percent)
        panels[0].set_title(f"test {words} at the end, against MACs of an image", loc="left")
    ends = []
    for name, look in looks.items():
        runs = _finished(results, name)
        shortest = min(len(run["epochs"]) for run in runs)
        x = [statistics.mean(run["epochs"][at]["seconds"] / 60 for run in runs) for at in range(shortest)]
        y = [
            _score(statistics.mean(run["epochs"][at][_key(results)] for run in runs), percent) for at in range(shortest)
        ]
        _line(panels[-1], x, y, look)
        ends.append((look, x[-1], y[-1]))
    panels[-1].set_title(f"test {words} on the way, against time", loc="left")
    panels[-1].set_xlabel("minutes of training steps")
    label_ends(panels[-1], 2.0, ends)
    return figure


def _against_macs(
    axes: Axes, results: Values, looks: Mapping[str, FigureStyle], variants: Sequence[Values], percent: bool
) -> None:
    ends = []
    for each in variants:
        look, summed = looks[each["name"]], each[_key(results)]
        score, spread = _score(summed["mean"], percent), (summed["spread"] or 0.0) * _scale(results)
        axes.errorbar(each["macs"], score, yerr=spread, color=look.color, marker=look.mark, markersize=6, capsize=3,
                      elinewidth=1)  # fmt: skip
        ends.append((look, each["macs"], score))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: with_unit_prefix(number)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.margins(x=0.12)
    label_ends(axes, 1.9, ends)


def _key(results: Values) -> str:
    return f"test_{results['measure']}"


def _score(value: float, percent: bool) -> float:
    """An error as the accuracy in percent; a loss as it is."""
    return 100.0 - 100.0 * value if percent else value
