"""Figures of a study, for a phone's width and for print without color; matplotlib draws them without a display.

Every variant has a color, a line style and a marker of its own, and a legend above the panels shows all three. Figures
are 4 inches wide with letters of 8 points or more, so that nothing has to be enlarged where they are shown at that
width.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from PIL import Image

from kresnet.plan.summary import with_unit_prefix
from kresnet.study.measured_splits import final_splits, measured, selection_of, split_words

Values = Mapping[str, Any]

WIDTH = 4.0
DPI = 200
#: Colors of a PNG: enough for the lines and bands of eight variants, in a quarter of the bytes.
PNG_COLORS = 48
RC_PARAMS: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "svg.hashsalt": "kresnet",  # so that the same numbers give the same file
}

#: Told apart without color vision (Okabe and Ito 2008), ordered so that neighbours differ in lightness too.
COLORS = ("#0072B2", "#D55E00", "#000000", "#009E73", "#CC79A7", "#56B4E9", "#7F6000", "#999999")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1.2, 1.2)), (0, (6, 1.2, 1.2, 1.2)), (0, (2.5, 2.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

#: Inches that a row of the legend takes, and letters of a name for which two fit side by side.
_LEGEND_ROW, _HALF_WIDTH = 0.16, 24
#: Letters of a name at the left of a row of `final`, before it is broken into lines.
_ROW_NAME = 15


@dataclass(frozen=True)
class VariantStyle:
    """How a variant is drawn in every figure."""

    name: str
    color: str
    line_style: Any
    marker: str

    @property
    def legend_handle(self) -> Line2D:
        """The line and marker that stand beside the name in the legend."""
        return Line2D([], [], color=self.color, linestyle=self.line_style, linewidth=1.4, marker=self.marker,
                      markersize=5, markeredgecolor="white", markeredgewidth=0.4, label=self.name)  # fmt: skip


def draw_figures(results: Values, directory: Path) -> list[str]:
    """Write each figure that the finished runs have numbers for, as PNG and SVG.

    Args:
        results: of the study, as `results.json` holds them.
        directory: that the files are written into; it exists.

    Returns:
        The names of the figures, without suffix.
    """
    styles = {
        variant["name"]: VariantStyle(
            variant["name"],
            COLORS[index % len(COLORS)],
            LINE_STYLES[index % len(LINE_STYLES)],
            MARKERS[index % len(MARKERS)],
        )
        for index, variant in enumerate(results["variants"])
        if variant["finished"]
    }
    if not styles:
        return []
    drawn = []
    with matplotlib.rc_context(RC_PARAMS):
        for name, make in (("curves", _curves), ("final", _final), ("gradients", _gradients), ("cost", _cost)):
            figure = make(results, styles)
            if figure is None:
                continue
            save_figure_files(figure, directory, name)
            drawn.append(name)
    return drawn


def save_figure_files(figure: Figure, directory: Path, name: str) -> None:
    """Write a figure as `NAME.svg` and `NAME.png`, without a date, so that the same numbers give the same files."""
    figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
    _save_png(figure, directory / f"{name}.png")


def _save_png(figure: Figure, path: Path) -> None:
    """Write a figure with a palette of its most used colors."""
    figure.dpi = DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    pixels.quantize(PNG_COLORS, kmeans=1).save(path, optimize=True, dpi=(DPI, DPI))


def make_panels(heights: Sequence[float], styles: Iterable[VariantStyle] = ()) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels, one below the other, each so many inches high, below the legend of some variants."""
    handles = [style.legend_handle for style in styles]
    columns = 2 if all(len(str(handle.get_label())) <= _HALF_WIDTH for handle in handles) else 1
    legend_height = _LEGEND_ROW * math.ceil(len(handles) / columns)
    figure = Figure(figsize=(WIDTH, sum(heights) + legend_height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for each in axes:
        each.grid(visible=True, color="0.88", linewidth=0.6)
        each.spines[["top", "right"]].set_visible(False)
    if handles:
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False, handlelength=3.6,
                      labelspacing=0.3, columnspacing=1.2, borderaxespad=0.2)  # fmt: skip
    return figure, list(axes)


def _finished_runs(results: Values, variant: str) -> list[Values]:
    return [run for run in results["runs"] if run["variant"] == variant and run["state"] == "finished"]


def _scale(results: Values) -> float:
    return 100.0 if results["measure"] == "error" else 1.0


def _unit(results: Values) -> str:
    return " (%)" if results["measure"] == "error" else ""


def _curves(results: Values, styles: Mapping[str, VariantStyle]) -> Figure:
    """Training error above, below the error of the images that epochs are measured on, against epoch."""
    figure, panels = make_panels([2.4, 2.4], styles.values())
    for axes, split in zip(panels, ("train", selection_of(results)), strict=True):
        for name, style in styles.items():
            by_epoch: dict[int, list[float]] = {}
            for run in _finished_runs(results, name):
                for line in run["epochs"]:
                    value = measured(line, split, results["measure"])
                    by_epoch.setdefault(line["epoch"], []).append(value * _scale(results))
            x = sorted(by_epoch)
            y = [statistics.mean(by_epoch[epoch]) for epoch in x]
            low, high = ([of(by_epoch[epoch]) for epoch in x] for of in (min, max))
            axes.fill_between(x, low, high, color=style.color, alpha=0.15, linewidth=0)
            _draw_line(axes, x, y, style)
        axes.set_title(f"{split_words(split)} {results['measure']}{_unit(results)}", loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    panels[-1].set_xlabel("epoch")
    return figure


def _draw_line(axes: Axes, x: Sequence[float], y: Sequence[float], style: VariantStyle) -> None:
    """Draw a curve with some eight markers on it, however many points it has."""
    every = max(1, math.ceil(len(x) / 8))
    axes.plot(x, y, color=style.color, linestyle=style.line_style, linewidth=1.4, marker=style.marker, markersize=4,
              markevery=every, markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip


def _final(results: Values, styles: Mapping[str, VariantStyle]) -> Figure:
    """Error at the end: against depth where the variants differ in it, else a row for each variant."""
    variants = [each for each in results["variants"] if each["name"] in styles]
    depths = {each["weighted_layers"] for each in variants}
    return _final_by_depth(results, styles, variants) if len(depths) > 1 else _final_rows(results, styles, variants)


def _final_by_depth(results: Values, styles: Mapping[str, VariantStyle], variants: Sequence[Values]) -> Figure:
    families: list[tuple[VariantStyle, list[Values]]] = []
    for family in dict.fromkeys(each["family"] for each in variants):
        members = sorted((each for each in variants if each["family"] == family), key=_weighted_layers)
        name = _common_name([each["name"] for each in members])
        families.append((replace(styles[members[0]["name"]], name=name), members))
    splits = final_splits(results)
    figure, panels = make_panels([2.1] * len(splits), [style for style, _ in families])
    for axes, split in zip(panels, splits, strict=True):
        for style, members in families:
            means, spreads = _means(members, f"{split}_{results['measure']}", _scale(results))
            axes.errorbar([*map(_weighted_layers, members)], means, yerr=spreads, color=style.color,
                          linestyle=style.line_style, linewidth=1.4, marker=style.marker, markersize=5, capsize=3,
                          elinewidth=1)  # fmt: skip
        axes.set_title(f"{split_words(split)} {results['measure']} at the end{_unit(results)}", loc="left")
        axes.set_xticks(sorted({*map(_weighted_layers, variants)}))
    panels[-1].set_xlabel("weighted layers")
    return figure


def _weighted_layers(variant: Values) -> int:
    return int(variant["weighted_layers"])


def _final_rows(results: Values, styles: Mapping[str, VariantStyle], variants: Sequence[Values]) -> Figure:
    splits = final_splits(results)
    figure, (axes,) = make_panels([0.9 + 0.17 * len(splits) * len(variants)])
    fills: dict[str, Any] = {"train": "none", "validation": "left", "test": "full"}
    for row, each in enumerate(variants):
        style = styles[each["name"]]
        for place, split in enumerate(splits):
            (mean,), (spread,) = _means([each], f"{split}_{results['measure']}", _scale(results))
            offset = 0.28 * place - 0.14 * (len(splits) - 1)
            axes.errorbar(mean, row + offset, xerr=spread, color=style.color, marker=style.marker, markersize=6,
                          capsize=3, elinewidth=1, fillstyle=fills[split],
                          markerfacecoloralt="white")  # fmt: skip
    axes.set_yticks(range(len(variants)), [_wrap_name(each["name"]) for each in variants])
    axes.invert_yaxis()
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_title(f"{results['measure']} at the end{_unit(results)}", loc="left")
    words = {"train": "open: training", "validation": "half: validation", "test": "filled: test"}
    axes.set_xlabel("     ".join(words[split] for split in splits))
    return figure


def _wrap_name(name: str) -> str:
    """A name in short lines, broken after hyphens, and after underscores where that is not enough."""
    lines = [name]
    for mark in "-_":
        lines = [part for line in lines for part in _break_after(mark, line)]
    return "\n".join(lines)


def _break_after(mark: str, line: str) -> list[str]:
    words = textwrap.wrap(line.replace(mark, f"{mark} "), _ROW_NAME, break_on_hyphens=False, break_long_words=False)
    return [part.replace(" ", "") for part in words]


def _means(variants: Sequence[Values], key: str, scale: float) -> tuple[list[float], list[float]]:
    """Means, and spreads with 0 for a single run."""
    means = [each[key]["mean"] * scale for each in variants]
    return means, [(each[key]["spread"] or 0.0) * scale for each in variants]


def _common_name(names: Sequence[str]) -> str:
    """What the names of a family have in common: `plain` of `plain20` and `plain56`."""
    return names[0] if len(names) == 1 else commonprefix(names).rstrip("0123456789-_.") or names[0]  # noqa: RUF071


def _gradients(results: Values, styles: Mapping[str, VariantStyle]) -> Figure | None:
    """Norms of dL/d(block output) from the first block to the last, in the first step and late in training."""
    runs = {name: [run for run in _finished_runs(results, name) if len(run["gradients"]) == 2] for name in styles}
    with_norms = {name: style for name, style in styles.items() if runs[name]}
    if not with_norms:
        return None
    figure, panels = make_panels([2.4, 2.4], with_norms.values())
    for moment, axes in enumerate(panels):
        steps = set()
        for name, style in with_norms.items():
            norms = [run["gradients"][moment]["delta"] for run in runs[name]]
            steps |= {run["gradients"][moment]["step"] for run in runs[name]}
            y = [_geometric_mean(block) for block in zip(*norms, strict=True)]
            _draw_line(axes, range(1, len(y) + 1), y, style)
        axes.set_yscale("log")
        axes.invert_xaxis()  # as the gradient travels; curves differ most where it arrives
        low, high = (math.log10(limit) for limit in axes.get_ylim())
        if high - low < 1.5:  # else every tick between two powers of ten would be written out
            axes.set_ylim(10 ** math.floor(low), 10 ** math.ceil(high))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_title(f"‖∂L/∂(block output)‖ in step {', '.join(map(str, sorted(steps)))}", loc="left")
    panels[-1].set_xlabel("block; the gradient travels to the right, to the input")
    return figure


def _geometric_mean(values: Sequence[float | None]) -> float:
    """Not a number where one of the values is zero or none."""
    return math.exp(statistics.mean(map(math.log, values))) if all(values) else math.nan  # type: ignore[arg-type]


def _cost(results: Values, styles: Mapping[str, VariantStyle]) -> Figure:
    """What accuracy costs: a point for each variant against MACs, where they differ, and a curve against time."""
    variants = [each for each in results["variants"] if each["name"] in styles]
    percent = results["measure"] == "error"
    score_words = "accuracy (%)" if percent else "loss"
    macs_differ = len({each["macs"] for each in variants}) > 1
    figure, panels = make_panels([*([2.1] if macs_differ else []), 2.3], styles.values())
    if macs_differ:
        _draw_against_macs(panels[0], results, styles, variants)
        panels[0].set_title(f"{selection_of(results)} {score_words} at the end, against MACs of an image", loc="left")
    for name, style in styles.items():
        runs = _finished_runs(results, name)
        epochs = range(min(len(run["epochs"]) for run in runs))
        x = [statistics.mean(run["epochs"][at]["seconds"] / 60 for run in runs) for at in epochs]
        y = [_score(statistics.mean(_selected(run["epochs"][at], results) for run in runs), percent) for at in epochs]
        _draw_line(panels[-1], x, y, style)
    panels[-1].set_title(f"{selection_of(results)} {score_words} on the way, against time", loc="left")
    panels[-1].set_xlabel("minutes of training steps")
    return figure


def _draw_against_macs(
    axes: Axes, results: Values, styles: Mapping[str, VariantStyle], variants: Sequence[Values]
) -> None:
    for each in variants:
        style, summed = styles[each["name"]], _selected(each, results)
        score = _score(summed["mean"], results["measure"] == "error")
        axes.errorbar(each["macs"], score, yerr=(summed["spread"] or 0.0) * _scale(results), color=style.color,
                      marker=style.marker, markersize=6, capsize=3, elinewidth=1)  # fmt: skip
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: with_unit_prefix(number)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.margins(x=0.12)


def _selected(numbers: Values, results: Values) -> Any:
    """Return the error or loss, or its mean and spread, of the images that epochs are measured on."""
    return measured(numbers, selection_of(results), results["measure"])


def _score(value: float, percent: bool) -> float:
    """An error as the accuracy in percent; a loss as it is."""
    return 100.0 - 100.0 * value if percent else value
