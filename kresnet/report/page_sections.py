"""What the page says of a run in words and figures: how it stands, its key figures, its machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kresnet.evaluation.evaluation import Evaluation
from kresnet.plan.diff import place
from kresnet.plan.memory_estimate import bytes_text
from kresnet.plan.summary import signed_number, with_unit_prefix
from kresnet.report.comparison import SeedGroup
from kresnet.report.plots import METRICS, PlotTable, number
from kresnet.report.run_data import RunData
from kresnet.training.loop.progress import clock_text

Kind = Literal["good", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know before reading on, and what to type."""

    kind: Kind
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A key figure."""

    label: str
    value: str
    note: str = ""


def state(facts: RunData) -> Notice:
    """How the run stands, and what to do about it."""
    standing, problem = facts.standing, facts.problem
    done = f"after step {standing.step:,}" + (f" of {standing.steps:,}" if standing.steps else "")
    if standing.state == "finished":
        early = standing.steps is not None and facts.result is not None and facts.result.get("steps") != standing.steps
        return Notice("good", f"Finished {done}" + (", early: it no longer got better." if early else "."))
    if standing.state == "running":
        text = f"Still running, {done}. The page shows what was on disk when it was made."
        return Notice("info", text, f"kresnet report {facts.run} -o later.html")
    if facts.failed:
        code = standing.reason
        told = f"{problem.get('message', code.replace('_', ' '))} [{code}]"
        verb = "Broken" if standing.state == "broken" else "Ended by an error"
        return Notice("error", f"{verb} {done}: {told}", str(problem.get("remedy", "")))
    text = "was asked to stop" if standing.reason == "interrupted" else "was killed"
    if standing.reason == "peer_lost":
        text = "lost another worker"
    return Notice("warning", f"Stopped {done}: it {text}, and can go on.", f"kresnet fit --resume {facts.run}")


def notices(facts: RunData) -> Iterator[Notice]:
    """What else is out of the ordinary."""
    if not facts.epochs:
        yield Notice("info", "No epoch has ended yet, so there are no curves.")
    for change in facts.changes:
        yield Notice("warning", f"Changed under way, {change}.")
    if facts.transfer:
        frozen = f"; frozen: {', '.join(facts.transfer['freeze'])}" if facts.transfer.get("freeze") else ""
        yield Notice("info", f"Started from the weights of {facts.transfer.get('init')}{frozen}.")
    for split, skipped in (facts.data.get("skipped") or {}).items():
        yield Notice("warning", f"{len(skipped)} {split} images could not be read and were left out.")
    for name, count in ((facts.result or {}).get("non_finite") or {}).items():
        if count:
            yield Notice("warning", f"Steps that were not finite, {name.replace('_', ' ')}: {count}.")


def tiles(facts: RunData) -> Iterator[Tile]:
    """The key figures, the headline first."""
    standing, plan = facts.standing, facts.plan
    shown = [metric for metric in (facts.headline, *METRICS) if facts.test.get(metric) is not None]
    for index, metric in enumerate(dict.fromkeys(shown)):
        best = f"best {standing.best:.4f}, epoch {standing.best_epoch}" if standing.best_epoch else ""
        yield Tile(f"Test {METRICS[metric].lower()}", f"{facts.test[metric]:.4f}",
                   best if metric == standing.metric and index == 0 else "")  # fmt: skip
    if facts.epochs:
        last = facts.epochs[-1]
        yield Tile("Epochs", str(last.epoch), f"{standing.step:,} steps of {facts.recipe.batch_size:,} images")
        if last.seconds is not None:
            pace = f"{last.images_per_second:,.0f} images/s" if last.images_per_second else ""
            yield Tile("Training", duration(last.seconds), pace)
    total = plan.trainable + plan.non_trainable
    yield Tile("Parameters", with_unit_prefix(total), f"{total:,}")
    yield Tile("MACs an input", with_unit_prefix(plan.macs), f"{plan.macs:,}")
    yield Tile("Weighted layers", str(plan.weighted_layers), "depth as the papers count it")


def duration(seconds: float) -> str:
    """`58 s`, `1:06 min`, `1:02:03 h`."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{clock_text(seconds)} {'min' if seconds < 3600 else 'h'}"


def overview(runs: Sequence[RunData]) -> PlotTable:
    """A row a run: how it stands, how it ended, what it cost."""
    metrics = [metric for metric in METRICS if any(facts.test.get(metric) is not None for facts in runs)]
    head = ("run", "state", *(f"test {METRICS[metric].lower()}" for metric in metrics), "epochs", "seed",
            "parameters", "MACs", "images/s", "training")  # fmt: skip
    rows = []
    for facts in runs:
        last = facts.epochs[-1] if facts.epochs else None
        total = facts.plan.trainable + facts.plan.non_trainable
        rows.append((
            facts.label,
            facts.standing.state,
            *(number(facts.test.get(metric), ".4f") for metric in metrics),
            str(last.epoch) if last else "–",
            str(facts.recipe.seed),
            f"{total:,}",
            with_unit_prefix(facts.plan.macs),
            number(last.images_per_second if last else None, ",.0f"),
            duration(last.seconds) if last and last.seconds is not None else "–",
        ))  # fmt: skip
    return PlotTable("Each run, as it stands", head, tuple(rows), words=2)


def groups_table(groups: Sequence[SeedGroup]) -> PlotTable:
    """Mean and standard deviation over the seeds of each spec."""
    metrics = [metric for metric in METRICS if any(metric in group.figures for group in groups)]
    rows = tuple(
        (group.label, str(len(group.runs)),
         *(group.figures[metric].text(".4f") if metric in group.figures else "–" for metric in metrics))
        for group in groups
    )  # fmt: skip
    head = ("runs of the same settings", "runs", *(f"test {METRICS[metric].lower()}" for metric in metrics))
    return PlotTable("Mean ± standard deviation over runs that differ in their seed alone", head, rows)


def settings_table(caption: str, differing: Mapping[str, tuple[str, ...]], labels: Sequence[str]) -> PlotTable:
    """The settings that are not everywhere the same."""
    rows = tuple((path, *values) for path, values in differing.items())
    return PlotTable(caption, ("setting", *labels), rows, words=1 + len(labels))


def blocks_table(group: SeedGroup, first: str) -> PlotTable:
    """What differs between a group's network and the first one's, part by part."""
    assert group.difference is not None
    rows = tuple(
        (place(run), "\n".join(run[0].lines()) if run[0].status == "changed" else run[0].status, run[0].shapes,
         signed_number(sum(block.parameters for block in run)),
         signed_number(sum(block.macs for block in run), short=True))
        for run in group.difference.runs()
    )  # fmt: skip
    head = ("part", "what differs", "output", "parameters", "MACs")
    return PlotTable(f"{group.label} beside {first}", head, rows, words=3)


def environment(facts: RunData) -> dict[str, str]:
    """Versions, machine, and what else the bits depend on, in words."""
    found: dict[str, Any] = {}
    for part in ("versions", "training", "kernels"):
        if isinstance(values := facts.environment.get(part), Mapping):
            found |= values
    found |= {name: facts.environment[name] for name in ("python", "platform") if name in facts.environment}
    words = {name.replace("_", " "): str(value) for name, value in found.items() if value != ""}
    if memory := (facts.result or {}).get("peak_memory"):
        words |= {f"peak memory, {where}": bytes_text(value) for where, value in memory.items()}
    names = facts.data.get("class_names") or []
    words["training images"] = f"{facts.data.get('train_images', 0):,}"
    words["test images"] = f"{facts.data.get('test_images', 0):,}"
    words["classes"] = str(len(names)) if names else "none"
    words["data fingerprint"] = str(facts.data.get("fingerprint", ""))[:16]
    words["seed"] = str(facts.recipe.seed)
    words["deterministic kernels"] = "asked for" if facts.recipe.deterministic else "not asked for"
    return words


def environment_tables(runs: Sequence[RunData]) -> Iterator[PlotTable]:
    """What differs between the runs, a column each; then what is the same everywhere."""
    found = [environment(facts) for facts in runs]
    names = dict.fromkeys(name for each in found for name in each)
    values = {name: tuple(each.get(name, "–") for each in found) for name in names}
    different = {name: several for name, several in values.items() if len(set(several)) > 1}
    if different:
        yield settings_table("Not the same in every run", different, [facts.label for facts in runs])
    rows = tuple((name, several[0]) for name, several in values.items() if name not in different)
    yield PlotTable(
        "The same in every run" if len(runs) > 1 else "As the run recorded it", ("fact", "value"), rows, words=2
    )


def pairs_table(found: Evaluation) -> PlotTable:
    """The classes that are confused most."""
    rows = tuple((label, other, f"{times:,}", f"{share:.1%}") for label, other, times, share in found.confused_pairs)
    return PlotTable("Most confused", ("is", "said to be", "times", "of its images"), rows, words=2)
