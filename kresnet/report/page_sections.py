"""What the page says of a run in words and figures: how it stands, its key figures, its machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from kresnet.errors import shell_word
from kresnet.evaluation.evaluation import Evaluation
from kresnet.plan.convolutions import describe_kernels, kernels_from_dict
from kresnet.plan.memory_estimate import bytes_text
from kresnet.plan.render import block_cells
from kresnet.plan.summary import with_unit_prefix
from kresnet.report.comparison import MeanAndSpread, SeedGroup
from kresnet.report.plots import METRICS, SHOWN, PlotTable, metric_title, number_text, shown_metrics
from kresnet.report.run_data import RunData
from kresnet.training.loop.progress import clock_text

NoticeKind = Literal["good", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message at the top of a section, and the command that helps."""

    kind: NoticeKind
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A key number with its label, and a note below it."""

    label: str
    value: str
    note: str = ""


def status_notice(run: RunData, *, live: bool = False) -> Notice:
    """Return a notice of whether the run finished, runs, stopped or failed, and how to continue it.

    Args:
        run: the run.
        live: whether the page follows the run.
    """
    status, problem = run.status, run.problem
    step = max(status.step, run.progress.step) if run.progress else status.step
    done = f"after step {step:,}" + (f" of {status.steps:,}" if status.steps else "")
    if status.state == "finished":
        early = status.steps is not None and run.result is not None and run.result.get("steps") != status.steps
        return Notice("good", f"Finished {done}" + (", early: it no longer got better." if early else "."))
    if status.state == "running" and live:
        if run.is_silent():
            assert run.progress
            since = datetime.fromtimestamp(run.progress.written, UTC)
            reason = "it may be measuring images, be held up, or be gone with its machine"
            return Notice("warning", f"Running, {done}, but silent since {since:%Y-%m-%d %H:%M} UTC: {reason}.")
        return Notice("info", f"Running, {done}.")
    if status.state == "running":
        text = f"Still running, {done}. The page shows what was on disk when it was made."
        return Notice("info", text, f"kresnet watch {shell_word(run.directory)}")
    if run.failed:
        code = status.reason
        message = f"{problem.get('message', code.replace('_', ' '))} [{code}]"
        verb = "Broken" if status.state == "broken" else "Ended by an error"
        return Notice("error", f"{verb} {done}: {message}", str(problem.get("remedy", "")))
    text = "was asked to stop" if status.reason == "interrupted" else "was killed"
    if status.reason == "peer_lost":
        text = "lost another worker"
    return Notice("warning", f"Stopped {done}: it {text}, and can go on.", f"kresnet fit --resume {run.directory}")


def notices(run: RunData) -> Iterator[Notice]:
    """Yield a notice for everything unusual: changed settings, foreign weights, images left out, steps not finite."""
    if not run.epochs:
        yield Notice("info", "No epoch has ended yet, so there are no curves.")
    for change in run.changes:
        yield Notice("warning", f"Changed under way, {change}.")
    if run.transfer:
        frozen = f"; frozen: {', '.join(run.transfer.freeze)}" if run.transfer.freeze else ""
        yield Notice("info", f"Started from the weights of {run.transfer.source}{frozen}.")
    for split, skipped in (run.data.get("skipped") or {}).items():
        yield Notice("warning", f"{len(skipped)} {split} images could not be read and were left out.")
    for name, count in ((run.result or {}).get("non_finite") or {}).items():
        if count:
            yield Notice("warning", f"Steps that were not finite, {name.replace('_', ' ')}: {count}.")


def tiles(run: RunData) -> Iterator[Tile]:
    """Yield the key numbers of a run, its headline metric first."""
    status, plan = run.status, run.plan
    yield from progress_tiles(run)
    shown = [metric for metric in (run.headline, *shown_metrics([run])) if run.test.get(metric) is not None]
    best = f"best {status.best:.4f}, epoch {status.best_epoch}" if status.best_epoch else ""
    for index, metric in enumerate(dict.fromkeys(shown)):
        noted = (status.split, status.metric) == ("test", metric) and index == 0
        yield Tile(f"Test {metric_title(metric).lower()}", f"{run.test[metric]:.4f}", best if noted else "")
    for metric in dict.fromkeys((run.headline, status.metric)):
        if run.validation.get(metric) is not None:
            noted = (status.split, status.metric) == ("validation", metric)
            yield Tile(
                f"Validation {metric_title(metric).lower()}", f"{run.validation[metric]:.4f}", best if noted else ""
            )
    if run.epochs:
        last = run.epochs[-1]
        yield Tile("Epochs", str(last.epoch), f"{status.step:,} steps of {run.recipe.images_per_step:,} images")
        if last.seconds is not None:
            pace = f"{last.images_per_second:,.0f} images/s" if last.images_per_second else ""
            yield Tile("Training", duration_text(last.seconds), pace)
    total = plan.trainable + plan.non_trainable
    yield Tile("Parameters", with_unit_prefix(total), f"{total:,}")
    yield Tile("MACs an input", with_unit_prefix(plan.macs), f"{plan.macs:,}")
    yield Tile("Weighted layers", str(plan.weighted_layers), "depth as the papers count it")


def progress_tiles(run: RunData) -> Iterator[Tile]:
    """Yield what a run under way tells of itself between two epochs; nothing for any other run."""
    if not (now := run.progress):
        return
    left = f", {duration_text(now.seconds_left)} left" if now.seconds_left is not None else ""
    yield Tile("Step", f"{now.step:,}", f"of {now.total_steps:,}, epoch {now.epoch} of {now.epochs}{left}")
    for metric in dict.fromkeys(("loss", run.headline)):
        if now.metrics.get(metric) is not None:
            yield Tile(f"Training {metric_title(metric).lower()}", f"{now.metrics[metric]:.4f}", "this epoch, so far")
    yield Tile("Images a second", f"{now.images_per_second:,.0f}", f"{now.input_wait:.0%} of the time waiting for data")
    yield Tile("Memory", bytes_text(now.memory), "of the process, on the host")


def duration_text(seconds: float) -> str:
    """Return a duration as text: `58 s`, `1:06 min`, `1:02:03 h`."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{clock_text(seconds)} {'min' if seconds < 3600 else 'h'}"


def overview_table(runs: Sequence[RunData]) -> PlotTable:
    """Return the table of runs: state, metrics, epochs, seed and cost of each."""
    metrics = [each for each in shown_metrics(runs) if any(run.test.get(each) is not None for run in runs)]
    validated = validated_metrics(run.validation for run in runs)
    under_way = any(run.progress for run in runs)
    measured = (*metric_heads("test", metrics), *metric_heads("validation", validated))
    head = ("run", "state", *measured, "epochs", *(("steps", "left") if under_way else ()), "seed", "parameters",
            "MACs", "images/s", "training")  # fmt: skip
    rows = []
    for run in runs:
        last = run.epochs[-1] if run.epochs else None
        total = run.plan.trainable + run.plan.non_trainable
        rows.append((
            run.label,
            run.status.state,
            *(number_text(run.test.get(metric), ".4f") for metric in metrics),
            *(number_text(run.validation.get(metric), ".4f") for metric in validated),
            str(last.epoch) if last else "–",
            *([f"{run.status.step:,}", left_text(run)] if under_way else []),
            str(run.recipe.seed),
            f"{total:,}",
            with_unit_prefix(run.plan.macs),
            number_text(
                run.progress.images_per_second if run.progress else last.images_per_second if last else None, ",.0f"
            ),
            duration_text(last.seconds) if last and last.seconds is not None else "–",
        ))  # fmt: skip
    return PlotTable("Each run, as it stands", head, tuple(rows), words=2)


def left_text(run: RunData) -> str:
    """Return how long a run under way still takes, as text; a dash where that is not known."""
    seconds = run.progress.seconds_left if run.progress else None
    return "–" if seconds is None else duration_text(seconds)


def metric_heads(split: str, metrics: Sequence[str]) -> list[str]:
    """Return the heads of columns of metrics, which say of which images they are."""
    return [f"{split} {metric_title(metric).lower()}" for metric in metrics]


def validated_metrics(measured: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the metric of images to validate on that a table shows beside those of the test; none without such."""
    found = [metrics for metrics in measured if metrics]
    return [next(metric for metric in METRICS if any(metric in metrics for metrics in found))] if found else []


def groups_table(groups: Sequence[SeedGroup]) -> PlotTable:
    """Return the table of groups: mean and standard deviation of each metric over the seeds."""
    metrics = [metric for metric in SHOWN if any(metric in group.metrics for group in groups)]
    validated = validated_metrics(group.validation for group in groups)

    def texts(found: Mapping[str, MeanAndSpread], names: Sequence[str]) -> list[str]:
        return [found[metric].text(".4f") if metric in found else "–" for metric in names]

    rows = tuple(
        (group.label, str(len(group.runs)), *texts(group.metrics, metrics), *texts(group.validation, validated))
        for group in groups
    )
    head = ("runs of the same settings", "runs", *metric_heads("test", metrics), *metric_heads("validation", validated))
    return PlotTable("Mean ± standard deviation over runs that differ in their seed alone", head, rows)


def differing_settings_table(
    caption: str, differing: Mapping[str, tuple[str, ...]], labels: Sequence[str]
) -> PlotTable:
    """Return the table of the settings that differ between runs."""
    rows = tuple((path, *values) for path, values in differing.items())
    return PlotTable(caption, ("setting", *labels), rows, words=1 + len(labels))


def differing_blocks_table(group: SeedGroup, first: str) -> PlotTable:
    """Return the table of what differs between a group's network and the first group's, part by part."""
    assert group.difference is not None
    head, rows = block_cells(group.difference)
    return PlotTable(f"{group.label} beside {first}", tuple(head), tuple(map(tuple, rows)), words=3)


def environment_values(run: RunData) -> dict[str, str]:
    """Return versions, machine, data and seed of a run, by name."""
    values_by_name: dict[str, Any] = {}
    for part in ("versions", "training", "kernels"):
        if isinstance(values := run.environment.get(part), Mapping):
            values_by_name |= values
    values_by_name |= {name: run.environment[name] for name in ("python", "platform") if name in run.environment}
    if kernels := values_by_name.get("convolutions"):
        values_by_name["convolutions"] = describe_kernels(kernels_from_dict(kernels), run.plan)
    words = {name.replace("_", " "): str(value) for name, value in values_by_name.items() if value != ""}
    if memory := (run.result or {}).get("peak_memory"):
        words |= {f"peak memory, {where}": bytes_text(value) for where, value in memory.items()}
    names = run.data.get("class_names") or []
    words["training images"] = f"{run.data.get('train_images', 0):,}"
    if "validation_images" in run.data:
        words["validation images"] = f"{run.data['validation_images']:,}"
    words["test images"] = f"{run.data.get('test_images', 0):,}"
    words["classes"] = str(len(names)) if names else "none"
    words["data fingerprint"] = str(run.data.get("fingerprint", ""))[:16]
    words["seed"] = str(run.recipe.seed)
    words["deterministic kernels"] = "asked for" if run.recipe.deterministic else "not asked for"
    return words


def environment_tables(runs: Sequence[RunData]) -> Iterator[PlotTable]:
    """Yield a table of the values that differ between the runs' environments, and one of those that are the same."""
    environments = [environment_values(run) for run in runs]
    names = dict.fromkeys(name for each in environments for name in each)
    values = {name: tuple(each.get(name, "–") for each in environments) for name in names}
    different = {name: several for name, several in values.items() if len(set(several)) > 1}
    if different:
        yield differing_settings_table("Not the same in every run", different, [run.label for run in runs])
    rows = tuple((name, several[0]) for name, several in values.items() if name not in different)
    yield PlotTable(
        "The same in every run" if len(runs) > 1 else "As the run recorded it", ("fact", "value"), rows, words=2
    )


def pairs_table(evaluation: Evaluation) -> PlotTable:
    """Return the table of the classes that are confused most."""
    rows = tuple(
        (label, other, f"{times:,}", f"{share:.1%}") for label, other, times, share in evaluation.confused_pairs
    )
    return PlotTable("Most confused", ("is", "said to be", "times", "of its images"), rows, words=2)
