"""The output of `kresnet fit --find-lr`: loss against learning rate, and the suggested rate, as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kresnet.cli.bar_chart import MARGIN, bar_chart, chart_width
from kresnet.cli.common import stdout_console

if TYPE_CHECKING:
    from kresnet.training.range_test import RangeTest

_HEIGHT = 8


def print_range_test(test: RangeTest) -> None:
    """Print what was swept, the smoothed loss over the rates, and the suggestion with its reason."""
    out = stdout_console()
    devices = f"{test.devices} device{'s' * (test.devices > 1)}"
    rows = [
        ("run", f"{test.spec} by {test.recipe}, {test.optimizer}, {test.precision}, {devices}"),
        (
            "sweep",
            f"{len(test.rates)} of {test.planned_steps} steps of {test.batch_size:,} images, "
            f"{test.epochs:g} epochs; rates from {test.rates[0]:.2g} to {test.rates[-1]:.2g}",
        ),
        ("recipe", f"peak {test.recipe_rate:g}"),
    ]
    for key, text in rows:
        out.print(f"{key:<11}{text}", soft_wrap=True)
    out.print()
    for line in loss_chart(test, chart_width(out.width)):
        out.print(line)
    out.print()
    out.print(test.reason, soft_wrap=True)
    if test.setting:
        out.print(f"--set {test.setting}", style="bold", soft_wrap=True)


def loss_chart(test: RangeTest, width: int) -> list[str]:
    """Draw the smoothed loss over the logarithm of the rate, with a mark below the suggested one.

    A last loss that was not finite is not drawn, and what is far above the first losses is cut.
    """
    smoothed = [loss for loss in test.smoothed if math.isfinite(loss)]
    top = min(max(smoothed), 1.5 * max(smoothed[: max(1, len(smoothed) // 10)]))
    low = 0.0 if min(smoothed) < 0.5 * top else min(smoothed) - 0.2 * (top - min(smoothed))
    ends = (f"rate {test.rates[0]:.2g}", f"{test.rates[len(smoothed) - 1]:.2g}")
    lines = bar_chart(smoothed, ends, low=low, top=top, width=width, height=_HEIGHT)
    if test.suggestion is None:
        return lines
    place = round(math.log(test.suggestion / test.rates[0]) / math.log(test.rates[-1] / test.rates[0]) * (width - 1))
    return [*lines[:-1], f"{'':>{MARGIN + place}}^ {test.suggestion:.2g}", lines[-1]]
