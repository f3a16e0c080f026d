"""The lines of the gradient figure are the measurements."""

from __future__ import annotations

import numpy as np

from kresnet.diagnostics.gradient_figures import draw_flows
from kresnet.probes.gradient_flow import BlockFlow, GradientFlow


def flow(**residual: float | None) -> GradientFlow:
    blocks = tuple(BlockFlow(f"b{n}", 3.0 * 0.5**n, 2.0, cosine=None, weights=1.0, **residual) for n in (2, 1, 0))
    return GradientFlow("net", blocks, 3.0, 0.5, "holds", None)


def test_norms_and_the_fitted_law_coincide_where_the_law_is_exact():
    signal, paths, *_ = draw_flows([flow(identity=1.0, residual=2.0)]).axes
    measured, law = signal.lines
    np.testing.assert_allclose(measured.get_ydata(), [0.75, 1.5, 3.0])
    np.testing.assert_allclose(law.get_ydata(), measured.get_ydata())
    np.testing.assert_array_equal(measured.get_xdata(), [1, 2, 3])
    assert [line.get_ydata()[0] for line in paths.lines] == [1.0, 2.0]


def test_blocks_without_shortcut_have_a_note_for_a_line():
    _, paths, *_ = draw_flows([flow(identity=None, residual=None)]).axes
    assert not paths.lines
    assert [text.get_text() for text in paths.texts] == ["no block has a shortcut"]
