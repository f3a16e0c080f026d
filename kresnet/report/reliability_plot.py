"""The reliability diagram of a classifier: how often predictions of each confidence come true."""

from __future__ import annotations

from kresnet.evaluation.evaluation import Evaluation
from kresnet.report.plots import Plot, PlotTable, blank_figure


def reliability_plot(evaluation: Evaluation, id: str) -> Plot | None:
    """Plot accuracy against confidence, bin by bin, with how many predictions each holds; None without classes.

    Above the diagonal a network is right more often than it says, below it less (Guo et al. 2017, arXiv:1706.04599,
    figure 1).
    """
    bins = evaluation.reliability
    if not bins:
        return None
    total = sum(each.count for each in bins)
    figure = blank_figure("confidence", height=320)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as often as it says", line={"color": "var(--ink-2)", "dash": "dot"},
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_bar(
        x=[(each.lower + each.upper) / 2 for each in bins], width=[each.upper - each.lower for each in bins],
        y=[each.count / total for each in bins], name="part of all predictions", marker={"color": "var(--rule)"},
        hovertemplate="%{y:.1%} of all predictions<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[each.confidence for each in bins], y=[each.accuracy for each in bins], mode="lines+markers",
        name="accuracy", line={"color": "var(--right)"}, marker={"size": 7},
        hovertemplate="confidence %{x:.1%}, right %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(hovermode="closest", bargap=0)
    figure.update_xaxes(range=[0, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    names = ("calibration_error", "adaptive_calibration_error", "negative_log_likelihood")
    errors = ", ".join(f"{name.replace('_', ' ')} {evaluation.metrics[name]:.4f}" for name in names)
    calibrated = "Not calibrated"
    if calibration := evaluation.calibration:
        where = f"{calibration.images:,} {calibration.split or calibration.data} images"
        count = len(calibration.temperatures)
        what = f"the temperature {calibration.temperatures[0]:.4g}" if count == 1 else f"{count} temperatures"
        calibrated = f"Calibrated by {what}, fitted to {where}"
    rows = tuple(
        (f"{each.lower:.2f} to {each.upper:.2f}", f"{each.count:,}", f"{each.confidence:.4f}", f"{each.accuracy:.4f}")
        for each in bins
    )
    table = PlotTable("Predictions by their confidence", ("confidence", "predictions", "mean", "right"), rows)
    return Plot(id, "Reliability", f"{calibrated}: {errors}.", figure, table)


__all__ = ["reliability_plot"]
