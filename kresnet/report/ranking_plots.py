"""How well each class is told from the others over all thresholds: curves, scores by class, thresholds of labels."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kresnet.evaluation.curves import RankingCurve
from kresnet.evaluation.evaluation import Evaluation
from kresnet.report.plots import COLORS, DASHES, Plot, PlotTable, blank_figure, escape_name, number_text


def ranking_plots(evaluation: Evaluation, id: str) -> Iterator[Plot]:
    """Plot precision against recall, and what is found against false alarms, of the classes ranked worst.

    Args:
        evaluation: of the test images.
        id: begins the figures' ids.
    """
    curves = evaluation.curves
    if not curves:
        return
    worst = curves[0]
    what = "label" if evaluation.kind == "labels" else "class"
    named = f"Of the {what} ranked worst, {worst.name} ({worst.examples:,} images), "
    summary = f"{named}the average precision is {worst.average_precision:.4f}."
    yield _curve_plot(curves, f"precision-recall-{id}", "Precision and recall", ("recall", "precision"), summary)
    summary = f"{named}the area under the curve is {worst.auroc:.4f}."
    yield _curve_plot(curves, f"roc-{id}", "Found and false alarms (ROC)", ("false_alarms", "found"), summary)


def _curve_plot(curves: tuple[RankingCurve, ...], id: str, title: str, axes: tuple[str, str], summary: str) -> Plot:
    figure = blank_figure(axes[0].replace("_", " "), height=360)
    for n, curve in enumerate(curves):
        figure.add_scatter(
            x=getattr(curve, axes[0]), y=getattr(curve, axes[1]), name=escape_name(curve.name), mode="lines",
            line={"color": COLORS[n % len(COLORS)], "dash": DASHES[n // len(COLORS) % len(DASHES)], "width": 1.5},
            hovertemplate="%{x:.3f}, %{y:.3f}",
        )  # fmt: skip
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(range=[-0.01, 1.01])
    figure.update_yaxes(range=[-0.01, 1.01], title={"text": axes[1]})
    rows = tuple((curve.name, f"{curve.examples:,}", number_text(curve.average_precision, ".4f"),
                  number_text(curve.auroc, ".4f")) for curve in curves)  # fmt: skip
    table = PlotTable("The areas under the curves, worst ranked first",
                      ("class", "images", "average precision", "AUROC"), rows)  # fmt: skip
    return Plot(id, title, summary, figure, table)


def class_scores_table(evaluation: Evaluation) -> PlotTable | None:
    """Return precision, recall and the other scores of each class or label; None for values."""
    if not evaluation.scores:
        return None
    keys = ("precision", "recall", "f1", "average_precision", "auroc")
    rows = tuple(
        (name, f"{scores['examples']:,}", *(number_text(scores.get(key), ".4f") for key in keys))
        for name, scores in evaluation.scores.items()
    )
    what = "label" if evaluation.kind == "labels" else "class"
    head = (what, "images", "precision", "recall", "F1", "average precision", "AUROC")
    return PlotTable(f"Scores by {what}; a dash where the images define none", head, rows)


def thresholds_table(evaluation: Evaluation) -> PlotTable | None:
    """Return for each independent label the threshold of the highest F1, and its worth; None for others."""
    if not evaluation.thresholds:
        return None
    rows = tuple(
        (
            each.name,
            number_text(each.threshold, ".3f"),
            *(number_text(value, ".4f") for value in (each.precision, each.recall, each.f1, each.f1_at_half)),
        )
        for each in evaluation.thresholds
    )
    mean = [
        number_text(sum(known) / len(known), ".4f") if (known := [v for v in values if not math.isnan(v)]) else "–"
        for values in ([each.f1 for each in evaluation.thresholds], [each.f1_at_half for each in evaluation.thresholds])
    ]
    caption = f"Thresholds of the highest F1 on {evaluation.thresholds_from} images, measured on test images"
    if evaluation.thresholds_from == "test":
        caption += ": the same, so that these figures are too good"
    head = ("label", "threshold", "precision", "recall", "F1", "F1 at 0.5")
    return PlotTable(caption, head, (*rows, ("mean", "", "", "", *mean)))
