"""Matplotlib figures that are drawn without a display and written as files that do not change from run to run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

#: Colours that are told apart without colour vision, and in print (Okabe and Ito 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


class Chart(Figure):
    """A figure made without `pyplot`, which a notebook shows all the same."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write `PATH.png` and `PATH.svg`; the same numbers give the same files.

    Returns:
        The paths of the two files.
    """
    files = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    with rc_context({"svg.hashsalt": "kresnet"}):  # else names within a file are random
        for file in files:
            figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    return files


__all__ = ["COLORS", "Chart", "save_figure"]
