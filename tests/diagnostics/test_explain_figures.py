"""What is drawn of filters, maps and images, read off the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kresnet.diagnostics.explain_figures import _draw_filters, _draw_grad_cam, draw_explanation
from kresnet.diagnostics.explain_results import Filters, GradCam, ImageExplanation, StageFeatures


def test_a_filter_is_drawn_around_the_middle_grey() -> None:
    kernels = np.zeros((2, 3, 3, 1), np.float32)
    kernels[0, 0, 0, 0], kernels[0, 2, 2, 0] = -0.25, 0.5
    drawn = [np.asarray(axes.images[0].get_array()) for axes in _draw_filters(Filters("stem.conv", kernels)).axes]
    assert (drawn[0][0, 0], drawn[0][1, 1], drawn[0][2, 2]) == (0.25, 0.5, 1.0)
    assert (drawn[1] == 0.5).all()


def test_the_cross_stands_at_the_maximum_and_the_contour_around_it(tmp_path: Path) -> None:
    map = np.zeros((4, 4), np.float32)
    map[1, 2] = 1
    cams = (GradCam(0, "$\\no{猫", 0.5, 1, "x", map), GradCam(1, "b", 0.1, 1, "x", np.zeros((4, 4), np.float32)))
    features = (StageFeatures(1, "x", (0,), (0.5,), map[..., None]),)
    image = ImageExplanation("a.png", np.zeros((28, 28, 3), np.uint8), 0, "a", 0.5, cams, features)
    _, heat, both, *_, last = _draw_grad_cam(image).axes
    np.testing.assert_array_equal(heat.images[0].get_array(), map)
    (cross,) = both.lines
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (17, 10)
    (path,) = [path for path in both.collections[0].get_paths() if len(path.vertices)]
    assert path.contains_point((17, 10))
    assert last.get_title() == "nothing speaks for it"
    draw_explanation(Filters("y", np.ones((1, 1, 1, 3))), (image,), tmp_path)  # any name can be drawn
