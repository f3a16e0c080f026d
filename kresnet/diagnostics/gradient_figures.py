"""Figures of gradient flow; matplotlib draws them without a display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kresnet.probes.gradient_flow import BlockFlow, GradientFlow

#: Told apart without colour vision, and in print (Okabe and Ito 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


class Chart(Figure):
    """A figure without `pyplot`, which a notebook shows all the same."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def draw_flows(flows: Sequence[GradientFlow]) -> Figure:
    """Norms, paths, Jacobians and weight gradients, block by block."""
    figure = Chart(figsize=(11, 7.5), layout="constrained")
    signal, paths, jacobian, weights = figure.subplots(2, 2).flat
    for color, each in zip(COLORS, flows, strict=False):
        places = np.arange(1, len(each.blocks) + 1)
        _line(signal, places, each, "delta", color=color, label=each.network)
        if each.constant and each.rate:
            fitted = each.constant * each.rate ** (len(places) - places)
            law = f"{each.constant:.2g}·{each.rate:.3f}$^L$"
            signal.plot(places, fitted, color=color, linestyle="--", linewidth=1, label=law)
        _line(paths, places, each, "identity", color=color, label=f"{each.network}: identity")
        _line(paths, places, each, "residual", color=color, linestyle=":", label=f"{each.network}: residual")
        _line(jacobian, places, each, "largest", color=color, label=f"{each.network}: largest")
        _line(jacobian, places, each, "typical", color=color, linestyle=":", label=f"{each.network}: typical")
        _line(weights, places, each, "weights", color=color, label=each.network)
    jacobian.axhline(1.0, color="0.6", linewidth=1, zorder=0)
    _finish(signal, "Norm of δ = ∂L/∂(block output), and the fitted law")
    _finish(paths, "The two terms of ∂L/∂x")
    _finish(jacobian, "Singular values of the block's Jacobian")
    _finish(weights, "Norm of the gradient of the block's weights")
    return figure


def save(figure: Figure, path: Path) -> list[Path]:
    """Write `PATH.png` and `PATH.svg`; the same numbers give the same files."""
    files = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    with rc_context({"svg.hashsalt": "kresnet"}):  # else names within a file are random
        for file in files:
            figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    return files


def _line(axes: Any, places: np.ndarray, flow: GradientFlow, field: str, **style: Any) -> None:
    """A line over the blocks that have the value; nothing where none has."""
    values = np.array([_value(block, field) for block in flow.blocks])
    if np.isfinite(values).any():
        axes.plot(places, values, marker="." if len(places) <= 60 else None, linewidth=1.5, **style)


def _value(block: BlockFlow, field: str) -> float:
    value = getattr(block, field)
    return value if value else float("nan")  # a zero has no logarithm


def _finish(axes: Any, title: str) -> None:
    axes.set(title=title, xlabel="block, from the input", yscale="log")
    axes.grid(visible=True, color="0.9")
    if axes.lines and any(not line.get_label().startswith("_") for line in axes.lines):
        axes.legend(fontsize=7)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no block has a shortcut", transform=axes.transAxes, ha="center", color="0.4")
