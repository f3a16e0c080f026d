"""How a run went, as a figure: what it measured of itself, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure

from kresnet.report.charts import COLORS, Chart

#: Parts of the macro F1, which is drawn.
_NOT_DRAWN = ("macro_precision", "macro_recall")

#: How each split is drawn; a run has `validation` or `test`.
_LINES = {"train": "--", "validation": "-", "test": "-"}


def draw_history(lines: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Loss, and beside it the other metrics if there are any, against epochs.

    Args:
        lines: a run's epochs, as `history.jsonl` has them.
        title: of the figure.
    """
    names = list(dict.fromkeys(name for line in lines for split in _LINES for name in line.get(split, {})))
    losses = [name for name in names if name in ("loss", "negative_log_likelihood")]
    panels = [panel for panel in (losses, [name for name in names if name not in (*losses, *_NOT_DRAWN)]) if panel]
    figure = Chart(figsize=(5.5 * len(panels), 4), layout="constrained")
    figure.suptitle(title)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        for color, name in zip(cycle(COLORS), panel, strict=False):
            for split, style in _LINES.items():
                found = [line for line in lines if name in line.get(split, {})]
                if not found:  # training does not measure all that evaluation does
                    continue
                epochs, values = [line["epoch"] for line in found], [line[split][name] for line in found]
                marker = "." if len(found) <= 60 else None
                label = f"{split} {name.replace('_', ' ')}"
                axes.plot(epochs, values, color=color, linestyle=style, marker=marker, label=label)
        axes.set(xlabel="epoch", ylabel=", ".join(name.replace("_", " ") for name in panel[:2]))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(visible=True, color="0.9")
        axes.legend(fontsize=8)
    return figure


__all__ = ["draw_history"]
