"""Which classes are taken for which, and how well each is recognised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kresnet.evaluation.evaluation import Evaluation
from kresnet.report.plots import Plot, PlotTable, RunStyle, blank_figure, escape_name, number_text

#: Classes up to which the whole confusion matrix is drawn, and up to which its cells say their numbers.
MOST_IN_MATRIX, MOST_IN_WORDS = 50, 12
#: Classes that the figure of accuracies shows, worst first.
MOST_CLASSES = 20


def confusion_plot(evaluation: Evaluation, id: str) -> Plot | None:
    """Plot the confusion matrix, right answers in blue, mistakes in orange; None without classes or with too many."""
    if (
        evaluation.kind != "classes"
        or evaluation.confusion_matrix is None
        or len(evaluation.confusion_matrix) > MOST_IN_MATRIX
    ):
        return None
    matrix, count = evaluation.confusion_matrix, len(evaluation.confusion_matrix)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    names, places = [escape_name(each, 14) for each in evaluation.class_names], list(range(count))
    right = np.eye(count, dtype=bool)
    figure = blank_figure("said to be", height=min(620, 190 + 38 * count) if count <= MOST_IN_WORDS else 620)
    most = {"wrong": max(float(shares[~right].max(initial=0.0)), 0.05), "right": 1.0}
    for kind, cells in (("wrong", ~right & (matrix > 0)), ("right", right)):
        figure.add_heatmap(
            z=np.where(cells, shares.round(4), np.nan), zmin=0.0, zmax=most[kind], x=places, y=places,
            text=np.where(cells & (matrix > 0), matrix.astype(str), ""), textfont={"size": 11},
            texttemplate="%{text}" if count <= MOST_IN_WORDS else None,
            customdata=[[[a, b] for b in names] for a in names],
            hovertemplate="%{customdata[0]} said to be %{customdata[1]}: %{text} (%{z:.1%})<extra></extra>",
            xgap=1, ygap=1, showscale=False, meta={"scale": kind}, hoverongaps=False,
        )  # fmt: skip
    figure.update_layout(hovermode="closest", margin={"l": 8, "r": 8, "t": 8, "b": 8})
    step = 1 if count <= 30 else 2
    ticks = {"tickmode": "array", "tickvals": places[::step], "ticktext": names[::step], "showgrid": False}
    figure.update_xaxes(**ticks, tickangle=-45, zeroline=False)
    figure.update_yaxes(**ticks, autorange="reversed", zeroline=False)
    wrong = int(matrix.sum() - np.trace(matrix))
    summary = f"{wrong:,} of {int(matrix.sum()):,} images are taken for another class."
    if evaluation.confused_pairs:
        label, other, times, share = evaluation.confused_pairs[0]
        summary += f" Most often {label} is taken for {other}: {times} times, {share:.1%} of its images."
    rows = tuple((label, *map(str, row)) for label, row in zip(evaluation.class_names, matrix.tolist(), strict=True))
    table = PlotTable(
        "Rows are what images are, columns what they are said to be", ("is", *evaluation.class_names), rows
    )
    return Plot(id, "Confusion matrix", summary, figure, table)


def class_accuracy_plot(examined: Sequence[tuple[RunStyle, Evaluation]]) -> Plot | None:
    """Plot the accuracy of each class (or independent label) in each run, the worst class of the first run on top."""
    measured = [(style, each, {label: (value, images) for label, value, images in each.accuracies})
             for style, each in examined if each.kind != "values"]  # fmt: skip
    if not measured:
        return None
    order = [label for label, *_ in measured[0][1].accuracies]
    shown, places = order[:MOST_CLASSES], list(range(min(len(order), MOST_CLASSES)))
    figure = blank_figure("accuracy", height=110 + 24 * len(shown))
    for style, _, values in measured:
        points = [values.get(label, (None, 0))[0] for label in shown]
        figure.add_scatter(x=points, y=places, mode="markers", name=escape_name(style.run.label),
                           showlegend=len(measured) > 1,
                           marker={"color": style.color, "symbol": style.symbol, "size": 10},
                           hovertemplate="%{x:.2%}<extra></extra>")  # fmt: skip
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=[escape_name(label) for label in shown],
                        autorange="reversed", zeroline=False)  # fmt: skip
    figure.update_xaxes(tickformat=".0%")
    figure.update_layout(hovermode="closest")
    rows = tuple(
        (
            label,
            f"{measured[0][2][label][1]:,}",
            *(number_text(values.get(label, (None,))[0], ".4f") for *_, values in measured),
        )
        for label in order
    )
    what = "label" if measured[0][1].kind == "labels" else "class"
    worst = measured[0][1].accuracies[0]
    summary = f"Worst recognised: {worst[0]}, {worst[1]:.1%} of {worst[2]:,} images."
    if len(order) > len(shown):
        summary += f" The {len(shown)} worst of {len(order)} are shown."
    head = (what, "images", *(style.run.label for style, *_ in measured))
    return Plot(f"{what}-accuracy", f"Accuracy by {what}", summary, figure,
                PlotTable(f"Accuracy by {what}, worst first", head, rows))  # fmt: skip
