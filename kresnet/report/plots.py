"""What figures share, and the curves of training: each has a sentence and a table for who does not see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from kresnet.report.history import Epoch
from kresnet.report.run_data import RunData
from kresnet.spec.recipe.stopping import FALLING

#: The style sheet's colours of runs, for light and dark paper; the page's script resolves them.
COLORS = tuple(f"var(--run-{number})" for number in range(1, 9))
#: Besides colour.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "star", "hexagon")
DASHES = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")

#: Epochs up to which each has a tick of its own.
FEW_EPOCHS = 10

#: Characters of a name that a figure shows.
MOST_CHARACTERS = 24
#: Runs whose last figures a sentence tells.
MOST_TOLD = 6

#: Metrics in words, in the order in which they are shown.
METRICS = {
    "accuracy": "Accuracy",
    "loss": "Loss",
    "top_5_accuracy": "Top-5 accuracy",
    "exact_match": "Exact match",
    "absolute_error": "Absolute error",
}


@dataclass(frozen=True, slots=True)
class PlotTable:
    """Figures as text; the first `words` columns are words, the first of them names the row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure.

    Attributes:
        id: unique on the page.
        title: its heading.
        told: what it shows, in a sentence.
        figure: to be drawn by Plotly.
        table: the same numbers.
        wide: whether it needs the page's whole width.
    """

    id: str
    title: str
    told: str
    figure: go.Figure
    table: PlotTable
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A run as figures draw it."""

    facts: RunData
    color: str
    symbol: str


def lines(runs: Sequence[RunData], groups: Sequence[int]) -> list[Line]:
    """Runs of the same settings share a colour, where there are others; within one they differ by their markers."""
    several = len(set(groups)) > 1
    within = [groups[:n].count(group) for n, group in enumerate(groups)]
    return [
        Line(
            facts,
            COLORS[(group if several else n) % len(COLORS)],
            SYMBOLS[(within[n] if several else n) % len(SYMBOLS)],
        )
        for n, (facts, group) in enumerate(zip(runs, groups, strict=True))
    ]


def curves(drawn: Sequence[Line]) -> Iterator[Plot]:
    """A figure a metric, on training and test images, and the learning rate."""
    for metric, title in METRICS.items():
        splits = [split for split in ("test", "train") if any(_has(line, split, metric) for line in drawn)]
        if splits:
            yield _metric(drawn, metric, title, splits)
    if any(epoch.learning_rate is not None for line in drawn for epoch in line.facts.epochs):
        yield _over_epochs(drawn, "learning-rate", "Learning rate", lambda epoch: epoch.learning_rate, ".3g")


def throughput(drawn: Sequence[Line]) -> Iterator[Plot]:
    """Images a second, and the share of the time that the device waited for data."""
    if any(epoch.images_per_second for line in drawn for epoch in line.facts.epochs):
        pace = lambda epoch: epoch.images_per_second  # noqa: E731
        yield _over_epochs(drawn, "images-per-second", "Training images a second", pace, ",.0f", zero=True)
        waited = lambda epoch: epoch.input_wait  # noqa: E731
        yield _over_epochs(drawn, "input-wait", "Share of the time waiting for data", waited, ".1%", zero=True)


def _metric(drawn: Sequence[Line], metric: str, title: str, splits: Sequence[str]) -> Plot:
    figure = _blank_over_epochs(drawn)
    several = len(drawn) > 1
    for line in drawn:
        for split in splits:
            points = [(epoch, getattr(epoch, split).get(metric)) for epoch in line.facts.epochs]
            train = split == "train"
            label = f"{line.facts.label}, {split}" if several else split
            mode = "lines" if several and train else _mode(points)
            # One run: the splits by colour; several: the runs.
            color = line.color if several or not train else COLORS[1]
            figure.add_scatter(**_points(points), name=name(label), mode=mode,
                               opacity=0.6 if several and train else 1.0, legendrank=1001 if train else 1000,
                               line={"color": color, "dash": "dot" if train else "solid", "width": 1.5 if train else 2},
                               marker={"symbol": line.symbol + "-open" * train, "size": 6})  # fmt: skip
        best = line.facts.standing.best_epoch
        if best and not several and metric == line.facts.standing.metric:
            figure.add_scatter(x=[best], y=[line.facts.standing.best], mode="markers", hoverinfo="skip",
                               name="best epoch",
                               marker={"symbol": "star-open", "size": 15, "color": line.color})  # fmt: skip
    head = ("epoch", *(f"{line.facts.label} {split}" for line in drawn for split in splits))
    rows = _by_epoch(drawn, [_of(split, metric) for split in splits], ".4f")
    ends = [(line, value) for line in drawn for value in _values(line, _of(splits[0], metric))[-1:]]
    told = _ends(ends, ".4f") if several else _course(drawn[0], splits[0], metric)
    return Plot(f"curve-{metric.replace('_', '-')}", title, told, figure, PlotTable(f"{title} by epoch", head, rows))


def _over_epochs(
    drawn: Sequence[Line],
    id: str,
    title: str,
    value: Callable[[Epoch], float | None],
    form: str,
    *,
    zero: bool = False,
) -> Plot:
    figure = _blank_over_epochs(drawn)
    for line in drawn:
        points = [(epoch, value(epoch)) for epoch in line.facts.epochs]
        figure.add_scatter(**_points(points), name=name(line.facts.label), mode=_mode(points),
                           line={"color": line.color}, marker={"symbol": line.symbol, "size": 6},
                           showlegend=len(drawn) > 1)  # fmt: skip
    figure.update_yaxes(tickformat=form if "%" in form else None, rangemode="tozero" if zero else None)
    rows = _by_epoch(drawn, [value], form)
    if len(drawn) > 1:
        told = _ends([(line, last) for line in drawn for last in _values(line, value)[-1:]], form)
    else:
        found = _values(drawn[0], value)
        told = f"From {found[0]:{form}} to {found[-1]:{form}}, between {min(found):{form}} and {max(found):{form}}."
    head = ("epoch", *(line.facts.label for line in drawn))
    return Plot(id, title, told, figure, PlotTable(f"{title} by epoch", head, rows))


def _blank_over_epochs(drawn: Sequence[Line]) -> go.Figure:
    figure = blank("epoch")
    if max((len(line.facts.epochs) for line in drawn), default=0) <= FEW_EPOCHS:
        figure.update_xaxes(dtick=1)  # there is no epoch 1.5
    return figure


def blank(x: str, height: int = 300) -> go.Figure:
    """A figure without anything on it; the page gives it the reader's colours."""
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 14, "t": 12, "b": 44},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    figure.update_xaxes(title={"text": x}, automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def name(text: str, most: int = MOST_CHARACTERS) -> str:
    """A name as Plotly may show it: it would take tags for tags."""
    return escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def number(value: float | None, form: str) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None or value != value else f"{value:{form}}"


def _has(line: Line, split: str, metric: str) -> bool:
    return any(getattr(epoch, split).get(metric) is not None for epoch in line.facts.epochs)


def _of(split: str, metric: str) -> Callable[[Epoch], float | None]:
    return lambda epoch: getattr(epoch, split).get(metric)


def _points(points: Iterable[tuple[Epoch, float | None]]) -> dict[str, Any]:
    epochs, values = zip(*points, strict=True) if points else ((), ())
    return {"x": [epoch.epoch for epoch in epochs], "y": list(values)}


def _mode(points: Sequence[Any]) -> str:
    """Markers only where they do not run into each other."""
    return "lines+markers" if len(points) <= 40 else "lines"


def _by_epoch(
    drawn: Sequence[Line], values: Sequence[Callable[[Epoch], float | None]], form: str
) -> tuple[tuple[str, ...], ...]:
    """A row an epoch, a cell a run and a value."""
    by_run = [{epoch.epoch: epoch for epoch in line.facts.epochs} for line in drawn]
    numbers = sorted({number for epochs in by_run for number in epochs})
    return tuple(
        (str(n), *(number(value(run[n]) if n in run else None, form) for run in by_run for value in values))
        for n in numbers
    )


def _values(line: Line, value: Callable[[Epoch], float | None]) -> list[float]:
    return [found for epoch in line.facts.epochs if (found := value(epoch)) is not None]


def _course(line: Line, split: str, metric: str) -> str:
    """How a curve goes, in words."""
    found = [(v, epoch.epoch) for epoch in line.facts.epochs if (v := getattr(epoch, split).get(metric)) is not None]
    if not found:
        return ""
    (first, _), (last, at) = found[0], found[-1]
    if len(found) == 1:
        return f"{split.capitalize()}: {last:.4f} after epoch {at}."
    best = (min if metric in FALLING else max)(found, key=lambda point: point[0])
    return f"{split.capitalize()}: from {first:.4f} to {last:.4f} in epoch {at}; best {best[0]:.4f} in epoch {best[1]}."


def _ends(ends: Sequence[tuple[Line, float]], form: str) -> str:
    """Where several curves end, in words; of many the lowest and the highest."""
    if len(ends) > MOST_TOLD:
        ends = sorted(ends, key=lambda end: end[1])[:: len(ends) - 1]
    return "At last: " + ", ".join(f"{line.facts.label} {value:{form}}" for line, value in ends) + "."


__all__ = ["COLORS", "DASHES", "METRICS", "SYMBOLS", "Line", "Plot", "PlotTable", "blank", "curves", "lines", "name",
           "number", "throughput"]  # fmt: skip
