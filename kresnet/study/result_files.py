"""The results of a study as files: `results.json`, `results.md` and `figures/`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kresnet.data.description import SPLITS
from kresnet.files import translate_os_errors, write_json, write_text
from kresnet.plan.summary import with_unit_prefix
from kresnet.study.measured_splits import selection_of

Values = Mapping[str, Any]

#: Name of a figure's files -> what it shows.
CAPTIONS = {
    "curves": "Training and {selection} {measure} against epoch; a band is the range over {repeated}.",
    "final": "{Measure} at the end{against}.",
    "gradients": "Norm of the gradient at each block's output, in the first step and late in training.",
    "cost": "{Selection} {score} at the end against the multiply-accumulates of one image, and on the way against "
    "time.",
}

_TRAINING = (
    "Training errors are those of the last epoch's steps, on augmented images, as they were met; minutes are of "
    "training steps."
)


def write_result_files(results: Values, directory: Path) -> list[str]:
    """Write `results.json`, `results.md` and the figures into `directory`; files of those names are replaced.

    Returns:
        The paths written, relative to `directory`.

    Raises:
        KresnetError: `not_writable` or `disk_full`.
    """
    from kresnet.study.figures import draw_figures  # matplotlib takes a while

    figures = directory / "figures"
    with translate_os_errors(figures):
        figures.mkdir(parents=True, exist_ok=True)
    drawn = draw_figures(results, figures)
    write_json(directory / "results.json", results)
    write_text(directory / "results.md", results_markdown(results, drawn))
    return ["results.json", "results.md", *(f"figures/{name}.png" for name in drawn)]


def copy_result_files(written: Sequence[str], directory: Path, other: Path) -> None:
    """Copy what `write_result_files` wrote into `directory` to another place; files of those names are replaced.

    Raises:
        KresnetError: `not_writable` or `disk_full`.
    """
    if other.resolve() == directory.resolve():
        return
    with translate_os_errors(other):
        (other / "figures").mkdir(parents=True, exist_ok=True)
        for name in [*written, *(f"{Path(name).with_suffix('.svg')}" for name in written if name.endswith(".png"))]:
            shutil.copyfile(directory / name, other / name)


def results_table(results: Values) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the table of results, a row for each variant: mean ± spread, errors in percent."""
    error = results["measure"]
    percent, figures = (100.0, "{:.2f}") if error == "error" else (1.0, "{:.4f}")
    measured = [f"train_{error}"]
    for split in SPLITS[1:]:
        chosen = split in selection_of(results)
        best = [f"best_{split}_error"] if chosen and error == "error" else []
        measured += [f"{split}_{error}", *best] if chosen or split == "test" else []
    heads = ["variant", "layers", "parameters", "MACs", *(name.replace("_", " ") for name in measured)]
    rows = []
    for each in results["variants"]:
        planned = sum(run["variant"] == each["name"] for run in results["runs"])
        rows.append(
            [
                each["name"],
                str(each["weighted_layers"]),
                with_unit_prefix(each["parameters"]),
                with_unit_prefix(each["macs"]),
                *(mean_and_spread_text(each.get(name), percent, figures) for name in measured),
                mean_and_spread_text(each.get("seconds"), 1 / 60, "{:.1f}"),
                mean_and_spread_text(each.get("images_per_second"), 1.0, "{:.0f}"),
                f"{each['finished']} of {planned}" if each["finished"] < planned else str(planned),
            ]
        )
    return [*heads, "minutes", "images/s", "runs"], rows


def mean_and_spread_text(value: Values | None, scale: float, figures: str) -> str:
    """Return `12.34 ± 0.56`, the mean alone for a single run, or a dash for none."""
    if value is None:
        return "–"
    mean = figures.format(value["mean"] * scale)
    return mean if value["spread"] is None else f"{mean} ± {figures.format(value['spread'] * scale)}"


def unfinished_runs(results: Values) -> list[str]:
    """Return a sentence for each run that has not finished."""
    sentences = []
    for run in results["runs"]:
        if run["state"] == "finished":
            continue
        fold = f", fold {run['fold']}" if "fold" in run else ""
        name, problem = f"{run['variant']}, seed {run['seed']}{fold}", run.get("problem")
        reached = f" after epoch {run['epochs'][-1]['epoch']}" if run["epochs"] else ""
        why = f"failed{reached}: {problem['message']} [{problem['code']}]" if problem else run["state"] + reached
        sentences.append(f"{name}: {why}")
    return sentences


def training_conditions(results: Values) -> list[str]:
    """Return sentences that say on what machine the study was trained, and how long it took."""
    sentences = []
    if environment := results["environment"]:
        training, kernels, versions = environment["training"], environment["kernels"], environment["versions"]
        sentences.append(
            f"{kernels['processor']}, {training['device']}, {training['precision']}, "
            f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}, kresnet {versions['kresnet']}."
        )
    if calls := results["calls"]:
        seconds, jobs = sum(call["seconds"] for call in calls), max(call["jobs"] for call in calls)
        at_once = f", {jobs} runs at once" if jobs > 1 else ""
        sentences.append(
            f"{seconds / 60:.0f} minutes of wall time in {len(calls)} call{'s' * (len(calls) > 1)}{at_once}."
        )
    return sentences


def results_markdown(results: Values, drawn: Sequence[str]) -> str:
    """Return the text of `results.md`."""
    name = results["study"] + (f", form `{results['form']}`" if results["form"] else "")
    lines = [f"# {name}", "", results["question"], ""]
    if results["source"]:
        lines += [f"Source: {results['source']}.", ""]
    if results["limits"]:
        lines += [f"Limits: {results['limits']}", ""]
    lines += ["```console", f"$ {results['command']}", "```", ""]
    headers, rows = results_table(results)
    lines += ["| " + " | ".join(headers) + " |", "|" + "|".join(["---", *["---:"] * (len(headers) - 1)]) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    unit = "Errors in percent; " if results["measure"] == "error" else ""
    lines += ["", f"{unit}mean ± {results['spread']}. {_TRAINING}"]
    lines += ["", *training_conditions(results)]
    if missing := unfinished_runs(results):
        lines += ["", "Not finished:", "", *(f"- {sentence}" for sentence in missing)]
    for figure in drawn:
        caption = figure_caption(figure, results)
        lines += ["", f"![{caption}](figures/{figure}.png)", "", caption]
    return "\n".join(lines) + "\n"


def figure_caption(figure: str, results: Values) -> str:
    """Return the sentence that says what a figure shows."""
    measure = results["measure"]
    against = " against depth" if len({each["weighted_layers"] for each in results["variants"]}) > 1 else ""
    score = "accuracy" if measure == "error" else "loss"
    selection = selection_of(results)
    return CAPTIONS[figure].format(
        measure=measure,
        score=score,
        Measure=measure.capitalize(),
        against=against,
        selection=selection,
        Selection=selection.capitalize(),
        repeated=results.get("repeated", "seeds"),
    )
