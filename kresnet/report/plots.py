"""What figures share, and the curves of training: each has a sentence and a table for who does not see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from kresnet.data.description import SPLITS
from kresnet.plan.objective import named_metrics
from kresnet.report.history import EpochRecord
from kresnet.report.run_data import RunData
from kresnet.spec.recipe.metrics import lower_is_better

#: The style sheet's colours of runs, for light and dark paper; the page's script resolves them.
COLORS = tuple(f"var(--run-{number})" for number in range(1, 9))
#: Besides colour.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "star", "hexagon")
DASHES = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")

#: Epochs up to which each has a tick of its own.
FEW_EPOCHS = 10

#: Characters of a name that a figure shows.
MAX_NAME_LENGTH = 24
#: Runs whose last figures a sentence tells.
MOST_IN_SENTENCE = 6

#: Metrics in words, in the order in which they are shown.
METRICS = {
    "accuracy": "Accuracy",
    "loss": "Loss",
    "top_5_accuracy": "Top-5 accuracy",
    "exact_match": "Exact match",
    "absolute_error": "Absolute error",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "auroc_macro": "AUROC, mean over classes",
    "auroc_micro": "AUROC, all pairs",
    "average_precision_macro": "Average precision, mean over classes",
    "average_precision_micro": "Average precision, all pairs",
    "negative_log_likelihood": "Negative log likelihood",
    "quadratic_kappa": "Quadratic kappa",
    "matthews_correlation": "Matthews correlation",
    "root_mean_squared_error": "Root mean squared error",
    "r2": "R²",
}
#: Metrics that figures and tables of whole runs show unasked; of the others those that a run's recipe names.
SHOWN = ("accuracy", "loss", "top_5_accuracy", "exact_match", "absolute_error", "balanced_accuracy", "macro_f1", "r2")


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
        summary: a sentence that says what it shows.
        figure: to be drawn by Plotly.
        table: the same numbers.
        wide: whether it needs the page's whole width.
    """

    id: str
    title: str
    summary: str
    figure: go.Figure
    table: PlotTable
    wide: bool = False


@dataclass(frozen=True, slots=True)
class RunStyle:
    """The colour and marker with which a run is drawn in every figure."""

    run: RunData
    color: str
    symbol: str


def style_runs(runs: Sequence[RunData], groups: Sequence[int]) -> list[RunStyle]:
    """Give each run a style: a colour for each group, where there are several, and a marker for each run of a group."""
    several = len(set(groups)) > 1
    within = [groups[:n].count(group) for n, group in enumerate(groups)]
    return [
        RunStyle(
            run,
            COLORS[(group if several else n) % len(COLORS)],
            SYMBOLS[(within[n] if several else n) % len(SYMBOLS)],
        )
        for n, (run, group) in enumerate(zip(runs, groups, strict=True))
    ]


def shown_metrics(runs: Sequence[RunData]) -> list[str]:
    """Return the metrics that figures and tables of runs show, in the order of `METRICS`."""
    named = dict.fromkeys(metric.name for run in runs for metric in named_metrics(run.recipe))
    return [metric for metric in dict.fromkeys((*METRICS, *named)) if metric in SHOWN or metric in named]


def metric_title(name: str) -> str:
    """Return a metric in words."""
    return METRICS.get(name) or name.replace("_", " ").capitalize()


def metric_plots(styles: Sequence[RunStyle]) -> Iterator[Plot]:
    """Plot each metric on training, validation and test images, and the learning rate, over the epochs."""
    for metric in shown_metrics([style.run for style in styles]):
        title = metric_title(metric)
        splits = [split for split in reversed(SPLITS) if any(_has_metric(style, split, metric) for style in styles)]
        if splits:
            yield _metric_plot(styles, metric, title, splits)
    if any(epoch.learning_rate is not None for style in styles for epoch in style.run.epochs):
        yield _value_plot(styles, "learning-rate", "Learning rate", lambda epoch: epoch.learning_rate, ".3g")


def throughput_plots(styles: Sequence[RunStyle]) -> Iterator[Plot]:
    """Plot images a second, and the fraction of the time that the device waited for data, over the epochs."""
    if any(epoch.images_per_second for style in styles for epoch in style.run.epochs):
        pace = lambda epoch: epoch.images_per_second  # noqa: E731
        yield _value_plot(styles, "images-per-second", "Training images a second", pace, ",.0f", zero=True)
        waited = lambda epoch: epoch.input_wait  # noqa: E731
        yield _value_plot(styles, "input-wait", "Share of the time waiting for data", waited, ".1%", zero=True)


def _metric_plot(styles: Sequence[RunStyle], metric: str, title: str, splits: Sequence[str]) -> Plot:
    figure = _blank_over_epochs(styles)
    several = len(styles) > 1
    for style in styles:
        for split in (each for each in splits if not several or _has_metric(style, each, metric)):
            points = [(epoch, getattr(epoch, split).get(metric)) for epoch in style.run.epochs]
            train = split == "train"
            label = f"{style.run.label}, {split}" if several else split
            mode = "lines" if several and train else _trace_mode(points)
            # One run: the splits by colour; several: the runs.
            color = style.color if several or not train else COLORS[1]
            figure.add_scatter(**_xy_by_epoch(points), name=escape_name(label), mode=mode,
                               opacity=0.6 if several and train else 1.0, legendrank=1001 if train else 1000,
                               line={"color": color, "dash": "dot" if train else "solid", "width": 1.5 if train else 2},
                               marker={"symbol": style.symbol + "-open" * train, "size": 6})  # fmt: skip
        best = style.run.status.best_epoch
        if best and not several and metric == style.run.status.metric:
            figure.add_scatter(x=[best], y=[style.run.status.best], mode="markers", hoverinfo="skip",
                               name="best epoch",
                               marker={"symbol": "star-open", "size": 15, "color": style.color})  # fmt: skip
    # Of several runs some may be validated and others tested epoch by epoch.
    head = ("epoch", *(f"{style.run.label} {split}" for style in styles for split in splits))
    rows = _rows_by_epoch(styles, [_metric_reader(split, metric) for split in splits], ".4f")
    shown = [(style, next((s for s in splits if _has_metric(style, s, metric)), splits[0])) for style in styles]
    ends = [
        (style, value)
        for style, split in shown
        for value in _values_by_epoch(style, _metric_reader(split, metric))[-1:]
    ]
    summary = _describe_last_values(ends, ".4f") if several else _describe_curve(styles[0], splits[0], metric)
    return Plot(f"curve-{metric.replace('_', '-')}", title, summary, figure, PlotTable(f"{title} by epoch", head, rows))


def _value_plot(
    styles: Sequence[RunStyle],
    id: str,
    title: str,
    value: Callable[[EpochRecord], float | None],
    form: str,
    *,
    zero: bool = False,
) -> Plot:
    figure = _blank_over_epochs(styles)
    for style in styles:
        points = [(epoch, value(epoch)) for epoch in style.run.epochs]
        figure.add_scatter(**_xy_by_epoch(points), name=escape_name(style.run.label), mode=_trace_mode(points),
                           line={"color": style.color}, marker={"symbol": style.symbol, "size": 6},
                           showlegend=len(styles) > 1)  # fmt: skip
    figure.update_yaxes(tickformat=form if "%" in form else None, rangemode="tozero" if zero else None)
    rows = _rows_by_epoch(styles, [value], form)
    if len(styles) > 1:
        summary = _describe_last_values(
            [(style, last) for style in styles for last in _values_by_epoch(style, value)[-1:]], form
        )
    else:
        values = _values_by_epoch(styles[0], value)
        summary = (
            f"From {values[0]:{form}} to {values[-1]:{form}}, between {min(values):{form}} and {max(values):{form}}."
        )
    head = ("epoch", *(style.run.label for style in styles))
    return Plot(id, title, summary, figure, PlotTable(f"{title} by epoch", head, rows))


def _blank_over_epochs(styles: Sequence[RunStyle]) -> go.Figure:
    figure = blank_figure("epoch")
    if max((len(style.run.epochs) for style in styles), default=0) <= FEW_EPOCHS:
        figure.update_xaxes(dtick=1)  # there is no epoch 1.5
    return figure


def blank_figure(x: str, height: int = 300) -> go.Figure:
    """Return an empty figure; the page gives it the reader's colours."""
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


def escape_name(text: str, most: int = MAX_NAME_LENGTH) -> str:
    """Return a name, shortened and escaped: Plotly would interpret tags in it."""
    return escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def number_text(value: float | None, form: str) -> str:
    """Return a number as text, or a dash for None and NaN."""
    return "–" if value is None or value != value else f"{value:{form}}"


def _has_metric(style: RunStyle, split: str, metric: str) -> bool:
    return any(getattr(epoch, split).get(metric) is not None for epoch in style.run.epochs)


def _metric_reader(split: str, metric: str) -> Callable[[EpochRecord], float | None]:
    return lambda epoch: getattr(epoch, split).get(metric)


def _xy_by_epoch(points: Iterable[tuple[EpochRecord, float | None]]) -> dict[str, Any]:
    epochs, values = zip(*points, strict=True) if points else ((), ())
    return {"x": [epoch.epoch for epoch in epochs], "y": list(values)}


def _trace_mode(points: Sequence[Any]) -> str:
    """Markers only where they do not run into each other."""
    return "lines+markers" if len(points) <= 40 else "lines"


def _rows_by_epoch(
    styles: Sequence[RunStyle], values: Sequence[Callable[[EpochRecord], float | None]], form: str
) -> tuple[tuple[str, ...], ...]:
    """A row an epoch, a cell a run and a value."""
    by_run = [{epoch.epoch: epoch for epoch in style.run.epochs} for style in styles]
    numbers = sorted({number for epochs in by_run for number in epochs})
    return tuple(
        (str(n), *(number_text(value(run[n]) if n in run else None, form) for run in by_run for value in values))
        for n in numbers
    )


def _values_by_epoch(style: RunStyle, value: Callable[[EpochRecord], float | None]) -> list[float]:
    return [number for epoch in style.run.epochs if (number := value(epoch)) is not None]


def _describe_curve(style: RunStyle, split: str, metric: str) -> str:
    """How a curve goes, in words."""
    points = [(v, epoch.epoch) for epoch in style.run.epochs if (v := getattr(epoch, split).get(metric)) is not None]
    if not points:
        return ""
    (first, _), (last, at) = points[0], points[-1]
    if len(points) == 1:
        return f"{split.capitalize()}: {last:.4f} after epoch {at}."
    best = (min if lower_is_better(metric) else max)(points, key=lambda point: point[0])
    return f"{split.capitalize()}: from {first:.4f} to {last:.4f} in epoch {at}; best {best[0]:.4f} in epoch {best[1]}."


def _describe_last_values(ends: Sequence[tuple[RunStyle, float]], form: str) -> str:
    """Where several curves end, in words; of many the lowest and the highest."""
    if len(ends) > MOST_IN_SENTENCE:
        ends = sorted(ends, key=lambda end: end[1])[:: len(ends) - 1]
    return "At last: " + ", ".join(f"{style.run.label} {value:{form}}" for style, value in ends) + "."


__all__ = [
    "COLORS",
    "DASHES",
    "METRICS",
    "SYMBOLS",
    "Plot",
    "PlotTable",
    "RunStyle",
    "blank_figure",
    "escape_name",
    "metric_plots",
    "number_text",
    "shown_metrics",
    "style_runs",
    "throughput_plots",
]  # fmt: skip
