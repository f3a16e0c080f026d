"""Figures of recorded studies: what the legend shows, and names that fit."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from kresnet.study import figures
from kresnet.study.figures import COLORS, DPI, LINE_STYLES, MARKERS, WIDTH, VariantStyle, _common_name, _wrap_name
from tests.docs.markdown import ROOT

RECORDED = json.loads((ROOT / "docs/studies/orders/results.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def drawn(folder) -> dict[str, Figure]:
    """The figures of a recorded study by name, as they were saved."""
    saved: dict[str, Figure] = {}
    save = figures._save_png

    def save_and_keep(figure: Figure, path: Path) -> None:
        saved[path.stem] = figure
        save(figure, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "_save_png", save_and_keep)
        assert figures.draw_figures(RECORDED, folder) == ["curves", "final", "gradients", "cost"]
    return saved


def test_the_legend_names_every_curve_by_its_line_and_marker(drawn):
    names = [variant["name"] for variant in RECORDED["variants"]]
    for name in ("curves", "gradients", "cost"):
        (legend,) = drawn[name].legends
        assert [text.get_text() for text in legend.get_texts()] == names
        for axes in drawn[name].axes:
            curves = [line for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xdata()) > 2]
            looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in curves]
            shown = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in legend.get_lines()]
            assert looks == shown
            assert len({line.get_marker() for line in curves}) == len(names), "without colour too"


def test_the_curves_are_means_over_the_seeds(drawn):
    _, test = drawn["curves"].axes
    for variant, line in zip(RECORDED["variants"], test.lines, strict=True):
        runs = [run for run in RECORDED["runs"] if run["variant"] == variant["name"]]
        errors = [100 * statistics.mean(epoch["test_error"] for epoch in each)
                  for each in zip(*(run["epochs"] for run in runs), strict=True)]  # fmt: skip
        np.testing.assert_allclose(line.get_ydata(), errors)


@pytest.mark.usefixtures("drawn")
def test_a_png_keeps_the_colors_of_the_curves(folder):
    """Although it has a palette."""
    image = Image.open(folder / "curves.png")
    assert image.mode == "P"
    assert image.width == WIDTH * DPI
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for color in COLORS[: len(RECORDED["variants"])]:
        exact = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(pixels - exact).max(axis=1).min() < 24


def test_styles_differ_without_color():
    styles = [VariantStyle(str(at), "k", LINE_STYLES[at % len(LINE_STYLES)], MARKERS[at]) for at in range(len(MARKERS))]
    assert len({(str(each.line_style), each.marker) for each in styles}) == len(styles)


def test_names_are_broken_where_their_words_end():
    assert _wrap_name("plain20") == "plain20"
    assert _wrap_name("relu_only_preactivation") == "relu_only_\npreactivation"
    assert _wrap_name("sigmoid-batch_norm") == "sigmoid-\nbatch_norm"


def test_a_family_is_called_by_what_its_names_share():
    assert _common_name(["plain20", "plain56"]) == "plain"
    assert _common_name(["residual8", "residual14", "residual20"]) == "residual"
    assert _common_name(["A"]) == "A"
    assert _common_name(["x1", "y2"]) == "x1"
