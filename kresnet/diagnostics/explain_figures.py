"""Figures of what a network sees in images.

They are narrow, for a telephone, and their colours grow lighter as values grow, for a print without colour.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from kresnet.diagnostics.explain_results import Filters, GradCam, ImageExplanation, StageFeatures
from kresnet.report.charts import Chart, save_figure

#: Width of a figure, in inches: a telephone shows it at three quarters of its size, 8 points as 6.
FIGURE_WIDTH = 4.8
TITLE_STYLE: dict[str, Any] = {"fontsize": 8, "parse_math": False}  # a name may hold a dollar

#: How many letters of a class's name are shown at most.
MAX_LABEL_LENGTH = 48

#: How many filters are drawn side by side.
FILTERS_PER_ROW = 8
#: How many channels of a stage are drawn side by side.
CHANNELS_PER_ROW = 4

#: The contour is drawn at this part of the maximum.
CONTOUR_LEVEL = 0.5


def draw_explanation(filters: Filters, images: Sequence[ImageExplanation], directory: Path) -> list[Path]:
    """Write every figure, as PNG and as SVG, and return the files.

    They are called `filters`; and for the n-th image, with FILE its name without suffix, `n_FILE_grad_cam` and
    `n_FILE_features`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the font lacks a letter of a class's name: its box is drawn
        files = save_figure(_draw_filters(filters), directory / "filters")
        for number, image in enumerate(images, 1):
            name = f"{number}_{_file_stem(image.name)}"
            files += save_figure(_draw_grad_cam(image), directory / f"{name}_grad_cam")
            files += save_figure(_draw_features(image), directory / f"{name}_features")
    return files


def _file_stem(name: str | int) -> str:
    """Return a file's name without suffix, in letters that any file system takes; `image` for an array."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", Path(name).stem)[:60] if isinstance(name, str) else "image"


def _figure(height: float) -> Figure:
    """Return an empty figure of this height in inches."""
    return Chart(figsize=(FIGURE_WIDTH, height), layout="constrained")


def _rows(figure: Figure, heights: Sequence[float]) -> list[Any]:
    """Divide a figure into parts, one below the other."""
    return list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def _draw_filters(filters: Filters) -> Figure:
    """Draw all kernels; zero is the middle grey, and of each the largest weight black or white (or full colour)."""
    count, size = filters.kernels.shape[:2]
    rows = -(-count // FILTERS_PER_ROW)
    figure = _figure(0.6 + rows * FIGURE_WIDTH / FILTERS_PER_ROW)
    figure.suptitle(
        f"{filters.record}: {count} filters of {size}×{size}, each scaled by its largest weight", **TITLE_STYLE
    )
    grid = figure.subplots(rows, min(count, FILTERS_PER_ROW), squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    for number, kernel in enumerate(filters.kernels):
        largest = np.abs(kernel).max()
        _draw_image(grid.flat[number], 0.5 + kernel / (2 * largest) if largest else np.full_like(kernel, 0.5), number)
    return figure


def _draw_grad_cam(image: ImageExplanation) -> Figure:
    """Draw for each class and stage: what the network saw, the map, and one over the other."""
    figure = _figure(2.1 * len(image.cams))
    for part, cam in zip(_rows(figure, [1.0] * len(image.cams)), image.cams, strict=True):
        height, width = cam.map.shape
        label = cam.label if len(cam.label) <= MAX_LABEL_LENGTH else f"{cam.label[:MAX_LABEL_LENGTH]}…"
        title = f"{label} ({cam.probability:.3f}), seen in stage {cam.stage}\n{cam.record}, {height}×{width}"
        part.suptitle(title, **TITLE_STYLE)
        seen, heat, both = part.subplots(1, 3)
        _draw_image(seen, image.pixels, "image")
        _draw_image(heat, cam.map, f"Grad-CAM, at most {cam.map.max():.2g}", cmap="inferno", vmin=0)
        _draw_image(both, image.pixels, "both")
        _draw_overlay(both, cam, image.pixels.shape[:2])
    return figure


def _draw_overlay(axes: Any, cam: GradCam, size: tuple[int, int]) -> None:
    """Draw the map over the image, bilinear as in the paper, a contour at half its maximum, and a cross at its peak."""
    if cam.peak is None:
        axes.set_title("nothing speaks for it", **TITLE_STYLE)
        return
    height, width = size
    enlarged = np.asarray(Image.fromarray(cam.map / cam.map.max()).resize((width, height), Image.Resampling.BILINEAR))
    axes.imshow(enlarged, cmap="inferno", vmin=0, vmax=1, alpha=0.55 * enlarged, interpolation="nearest")
    outlined = [withStroke(linewidth=2.5, foreground="black")]
    if enlarged.min() < CONTOUR_LEVEL < enlarged.max():
        axes.contour(enlarged, levels=[CONTOUR_LEVEL], colors="white", linewidths=1.2).set_path_effects(outlined)
    row, column = ((place + 0.5) * pixels / cells - 0.5
                   for place, pixels, cells in zip(cam.peak, size, cam.map.shape, strict=True))  # fmt: skip
    axes.plot(column, row, marker="x", color="white", markersize=6, path_effects=outlined)


def _draw_features(image: ImageExplanation) -> Figure:
    """Draw of each stage the strongest channels, each between its own lowest (black) and highest (white) value."""
    lines = [-(-len(each.channels) // CHANNELS_PER_ROW) for each in image.features]
    heights = [0.45 + 1.35 * count for count in lines]
    figure = _figure(sum(heights))
    for part, each, count in zip(_rows(figure, heights), image.features, lines, strict=True):
        _draw_stage(part, each, count)
    return figure


def _draw_stage(part: Any, features: StageFeatures, lines: int) -> None:
    height, width, _ = features.maps.shape
    part.suptitle(f"stage {features.stage}: {features.record}, {height}×{width}", **TITLE_STYLE)
    grid = part.subplots(lines, CHANNELS_PER_ROW, squeeze=False)
    for axes in grid.flat[len(features.channels) :]:
        axes.set_axis_off()
    for place, (channel, strength) in enumerate(zip(features.channels, features.strengths, strict=True)):
        _draw_image(grid.flat[place], features.maps[..., place], f"{channel}: {strength:.2g}")


def _draw_image(axes: Any, values: np.ndarray, title: object, **style: Any) -> None:
    """Draw pixels `(H, W)`, `(H, W, 1)` or `(H, W, 3)`, uint8 or from 0 to 1, under a short title."""
    grey = values.ndim == 2 or values.shape[-1] == 1
    limits: dict[str, Any] = {"cmap": "gray"} if grey else {}
    if values.ndim == 3 and grey:
        values = values[..., 0]
        limits |= {"vmin": 0, "vmax": 255 if values.dtype == np.uint8 else 1}
    axes.imshow(values, interpolation="nearest", **(limits | style))
    axes.set_title(title, **TITLE_STYLE)
    axes.set(xticks=[], yticks=[])
