"""What a recipe does over a run, drawn: its learning rate step by step, and how much it changes training images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.pages.editor.document_file import DocumentFile
from kresnet.pages.editor.equivalent_command import command
from kresnet.pages.rendering import render
from kresnet.plan.diff import flatten_settings, format_value
from kresnet.plan.memory_estimate import estimate_recipe_memory
from kresnet.report.plots import COLORS, Plot, PlotTable, blank_figure, escape_name
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.runtime import import_tensorflow
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input
from kresnet.spec.loading import LoadedDocument
from kresnet.spec.recipe import Augment, Data
from kresnet.study.dataset_sizes import training_image_count

#: Images that are changed by the recipe to see how much it changes them.
STRENGTH_IMAGES = 128
#: Curves that a figure holds.
_MOST_CURVES = len(COLORS)


def describe_recipe(file: DocumentFile, text: str, spec: LoadedDocument[Spec], images: int) -> dict[str, Any]:
    """Return what the page says of a recipe for a network: its learning rate, and what it comes to in steps.

    Args:
        file: the recipe.
        text: what it would hold.
        spec: the network.
        images: training images to reckon with, where the data do not tell.

    Raises:
        KresnetError: all problems of the recipe at once.
    """
    loaded = file.load(text)
    counted = images_in_reach(loaded.value.data, file.folder)
    run = resolve_run(spec, loaded).with_training_images(counted or images)
    steps = run.steps
    told = "counted" if counted else "assumed; say how many above"
    settings = ((path, format_value(value)) for path, value in flatten_settings(steps.as_dict()) if value is not None)
    table = PlotTable("What a run does", ("setting", "value"), tuple(settings), words=2)
    sentences = [
        f"{steps.epochs:g} epochs of {steps.epoch_steps:,} steps, {counted or images:,} training images ({told}).",
        f"Memory of a step, estimated: {estimate_recipe_memory(run.plan, run.recipe)}.",
    ]
    plots = list(learning_rate_plots({run.spec.name: run}))
    return {
        "line": f"{run.recipe.name}: {steps.total_steps:,} steps of {steps.batch_size} images",
        "figures": render("figures.html", sentences=sentences, plots=plots, tables=[table]),
        "command": _fit_command(file, loaded, spec),
    }


def describe_strength(file: DocumentFile, text: str, spec: LoadedDocument[Spec]) -> dict[str, Any]:
    """Return how much a recipe changes training images: those that kresnet ships, by its own pipeline.

    Raises:
        KresnetError: all problems of the recipe; `contradiction` for changes that such images cannot have.
    """
    augment = file.load(text).value.augment
    if augment == Augment() or not spec.value.input.is_image:
        return {"figures": render("figures.html", sentences=["Training images are not changed."], plots=[], tables=[])}
    changes = _measured_changes(augment.model_dump_json(), spec.value.input.model_dump_json())
    return {"figures": render("figures.html", sentences=[], plots=[_strength_plot(changes)], tables=[])}


def _fit_command(file: DocumentFile, loaded: LoadedDocument[Any], spec: LoadedDocument[Spec]) -> str:
    network = str(spec.path) if spec.path and spec.path.stem != spec.value.name else spec.value.name
    words = command("fit", file, loaded)
    return words.replace(f"fit {file.words()}", f"fit {network} --recipe {file.words()} --dry-run", 1)


def images_in_reach(data: Data, folder: Path) -> int | None:
    """Return how many images there are to train on, if that can be told without reading outside a folder."""
    where = getattr(data, "path", None) or getattr(data, "data_dir", None)
    if data.kind != "embedded":
        if where is None or "://" in str(where):
            return None
        if not (folder / str(where)).resolve().is_relative_to(folder.resolve()):
            return None
    return training_image_count(data)


def learning_rate_plots(runs: dict[str, ResolvedRun]) -> Iterator[Plot]:
    """Plot the learning rate of runs over their steps; runs of one curve share it."""
    import_tensorflow()
    from kresnet.training.loop.schedule import sampled_rates

    curves: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name, run in runs.items():
        if run.resolved_recipe:
            curves.setdefault(sampled_rates(run.resolved_recipe.learning_rate), []).append(name)
    if not curves:
        return
    figure = blank_figure("step")
    shown = list(curves.items())[:_MOST_CURVES]
    for color, (points, names) in zip(COLORS, shown, strict=False):
        figure.add_scatter(x=[step for step, _ in points], y=[rate for _, rate in points], mode="lines",
                           line={"color": color}, name=escape_name(", ".join(names)),
                           showlegend=len(shown) > 1)  # fmt: skip
    rows = tuple(
        (", ".join(names), f"{points[-1][0] + 1:,}", f"{points[0][1]:.3g}", f"{max(rate for _, rate in points):.3g}",
         f"{points[-1][1]:.3g}")
        for points, names in shown
    )  # fmt: skip
    summary = "; ".join(f"{row[0]}: from {row[2]} over {row[3]} to {row[4]} in {row[1]} steps" for row in rows) + "."
    table = PlotTable("Learning rate", ("of", "steps", "first", "highest", "last"), rows)
    yield Plot("learning-rate", "Learning rate", summary, figure, table)


def _strength_plot(changes: np.ndarray) -> Plot:
    """Plot the share of images that change at least so much; the changes are in rising order."""
    shares = np.arange(len(changes), 0, -1) / len(changes)
    figure = blank_figure("mean change of a pixel, of 255")
    figure.add_scatter(x=changes.round(3).tolist(), y=shares.round(4).tolist(), mode="lines", showlegend=False,
                       line={"color": COLORS[0], "shape": "vh"})  # fmt: skip
    figure.update_yaxes(title={"text": "share of images changed at least so much"}, tickformat=".0%", range=[0, 1.02])
    parts = {"10%": 0.1, "50%": 0.5, "90%": 0.9}
    rows = tuple((name, f"{float(np.quantile(changes, part)):.3g}") for name, part in parts.items())
    summary = (
        f"{len(changes)} embedded images, as training sees them beside how they are stored: half of them change by at "
        f"least {rows[1][1]} of 255 a pixel, {(changes == 0).mean():.0%} not at all."
    )
    table = PlotTable("Mean change of a pixel", ("share of images below", "change, of 255"), rows)
    return Plot("strength", "Strength of the augmentation", summary, figure, table)


@lru_cache(maxsize=8)
def _measured_changes(augment_json: str, input_json: str) -> np.ndarray:
    import_tensorflow()
    from kresnet.diagnostics.augmentation_strength import augmentation_changes

    input = Input.model_validate_json(input_json)
    return augmentation_changes(Augment.model_validate_json(augment_json), input, STRENGTH_IMAGES)


__all__ = ["describe_recipe", "describe_strength", "images_in_reach", "learning_rate_plots"]
