"""A learning-rate range test as a figure: loss against rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kresnet.report.charts import COLORS, Chart

if TYPE_CHECKING:
    from kresnet.training.range_test import RangeTest


def draw_range_test(test: RangeTest) -> Figure:
    """Draw the loss of each step and its running mean against the learning rate, with the suggested one.

    Losses far above the first ones, where the sweep diverged, lie outside the figure.
    """
    figure = Chart(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, ".", color="0.7", markersize=4, label="loss of a step")
    axes.plot(test.rates, test.smoothed, color=COLORS[0], label="smoothed")
    if test.suggestion is not None:
        axes.axvline(test.suggestion, color=COLORS[1], linestyle="--", label=f"suggested: {test.suggestion:g}")
    axes.axvline(test.recipe_rate, color=COLORS[2], linestyle=":", label=f"recipe: {test.recipe_rate:g}")
    finite = np.asarray(test.losses)[np.isfinite(test.losses)]
    beginning = float(finite[: max(1, len(finite) // 10)].max())
    axes.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="training loss",
        title=f"{test.spec} by {test.recipe}, {test.optimizer}",
        ylim=(0.0, min(float(finite.max()), 2.0 * beginning) * 1.05),
    )
    axes.grid(visible=True, color="0.9")
    axes.legend(fontsize=8)
    return figure


__all__ = ["draw_range_test"]
