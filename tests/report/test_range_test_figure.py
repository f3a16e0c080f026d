"""Loss against learning rate, drawn."""

import math

import pytest

from kresnet.report.range_test_figure import draw_range_test
from tests.training.range_tests import made_up_test


@pytest.mark.parametrize("suggestion", [0.01, None])
def test_what_is_drawn(suggestion):
    axes = draw_range_test(made_up_test(suggestion=suggestion)).axes[0]
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["loss of a step", "smoothed", *["suggested: 0.01"] * bool(suggestion), "recipe: 0.1"]
    assert axes.get_xscale() == "log"
    assert math.isclose(axes.get_ylim()[1], 2 * 2.5 * 1.05)  # the last loss, 50, lies outside
