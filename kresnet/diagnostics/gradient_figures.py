"""Figures of gradient flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kresnet.probes.gradient_flow import BlockFlow, GradientFlow
from kresnet.report.charts import COLORS, Chart


def draw_flows(flows: Sequence[GradientFlow]) -> Figure:
    """Draw norms, paths, Jacobians and weight gradients of networks, block by block."""
    figure = Chart(figsize=(11, 7.5), layout="constrained")
    signal, paths, jacobian, weights = figure.subplots(2, 2).flat
    for color, each in zip(COLORS, flows, strict=False):
        places = np.arange(1, len(each.blocks) + 1)
        _draw_line(signal, places, each, "delta", color=color, label=each.network)
        if each.constant and each.rate:
            fitted = each.constant * each.rate ** (len(places) - places)
            law = f"{each.constant:.2g}·{each.rate:.3f}$^L$"
            signal.plot(places, fitted, color=color, linestyle="--", linewidth=1, label=law)
        _draw_line(paths, places, each, "identity", color=color, label=f"{each.network}: identity")
        _draw_line(paths, places, each, "residual", color=color, linestyle=":", label=f"{each.network}: residual")
        _draw_line(jacobian, places, each, "largest", color=color, label=f"{each.network}: largest")
        _draw_line(jacobian, places, each, "typical", color=color, linestyle=":", label=f"{each.network}: typical")
        _draw_line(weights, places, each, "weights", color=color, label=each.network)
    jacobian.axhline(1.0, color="0.6", linewidth=1, zorder=0)
    _set_axes(signal, "Norm of δ = ∂L/∂(block output), and the fitted law")
    _set_axes(paths, "The two terms of ∂L/∂x")
    _set_axes(jacobian, "Singular values of the block's Jacobian")
    _set_axes(weights, "Norm of the gradient of the block's weights")
    return figure


def _draw_line(axes: Any, places: np.ndarray, flow: GradientFlow, field: str, **style: Any) -> None:
    """Draw a line over the blocks that have the value; nothing where none has."""
    values = np.array([_value_or_nan(block, field) for block in flow.blocks])
    if np.isfinite(values).any():
        axes.plot(places, values, marker="." if len(places) <= 60 else None, linewidth=1.5, **style)


def _value_or_nan(block: BlockFlow, field: str) -> float:
    """Return a value that a logarithmic axis can show; NaN for none and for zero."""
    value = getattr(block, field)
    return value if value else float("nan")


def _set_axes(axes: Any, title: str) -> None:
    """Give axes their title, scale and legend; a note where no line was drawn."""
    axes.set(title=title, xlabel="block, from the input", yscale="log")
    axes.grid(visible=True, color="0.9")
    if axes.lines and any(not line.get_label().startswith("_") for line in axes.lines):
        axes.legend(fontsize=7)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no block has a shortcut", transform=axes.transAxes, ha="center", color="0.4")
