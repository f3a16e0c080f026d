"""Figures are drawn without a display, and the same figure gives the same files."""

from __future__ import annotations

import pytest

from kresnet.report.charts import COLORS, Chart, save_figure


def chart() -> Chart:
    figure = Chart(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0], color=COLORS[0], label="a line")
    return figure


@pytest.mark.parametrize("name", ["curve", "curve.v1"])
def test_the_same_figure_gives_the_same_files(tmp_path, name):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        assert save_figure(chart(), folder / name) == [folder / f"{name}.png", folder / f"{name}.svg"]
    for kind in ("png", "svg"):
        assert (first / f"{name}.{kind}").read_bytes() == (second / f"{name}.{kind}").read_bytes()
    assert COLORS[0].lower() in (first / f"{name}.svg").read_text().lower()


def test_a_notebook_shows_a_chart_as_png():
    assert chart()._repr_png_().startswith(b"\x89PNG\r\n")
