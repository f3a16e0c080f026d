"""Runs under way in a terminal: drawn anew whenever their files change, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from kresnet import terminal
from kresnet.cli.table_layout import fitting_table
from kresnet.data.description import SPLITS
from kresnet.plan.memory_estimate import bytes_text
from kresnet.report.gradient_plots import describe_gradient_flow
from kresnet.report.page_sections import duration_text, left_text, status_notice
from kresnet.report.plots import shown_metrics
from kresnet.report.run_data import RunData
from kresnet.report.watched_runs import LOOK_SECONDS, WatchedRuns
from kresnet.training.loop.progress import fit_to_width, metrics_text

#: Runs up to which each is shown with all that it tells; more are shown as a table.
FEW_RUNS = 2
#: Lines of its log that are shown of a run, and epochs of a curve.
_LOG_LINES, _CURVE_WIDTH = 4, 48
_LEVELS = "▁▂▃▄▅▆▇█"
_COLORS = {"info": "cyan", "good": "green", "warning": "yellow", "error": "red"}


def follow(watched: WatchedRuns, stream: TextIO) -> None:
    """Draw the runs, again and again, until Ctrl-C."""
    out = terminal.console(stream)
    with contextlib.suppress(KeyboardInterrupt), Live(console=out, auto_refresh=False, screen=False) as live:
        shown: tuple[int, int] | None = None
        while True:
            size = _terminal_size(stream)
            if watched.look() or size != shown:
                shown = size
                out.width, out.height = size
                live.update(screen(watched, stream), refresh=True)
            time.sleep(LOOK_SECONDS)


def screen(watched: WatchedRuns, stream: TextIO) -> RenderableType:
    """Return what is shown of the runs now."""
    shown: list[RenderableType] = []
    if len(watched.runs) > FEW_RUNS:
        shown.append(_runs_table(watched.runs))
    else:
        for run in watched.runs:
            shown += [*_run_lines(run, terminal.columns(stream) - 1), Text()]
    shown += _notices(watched)
    return Group(*shown)


def _notices(watched: WatchedRuns) -> Iterator[Text]:
    for label, problem in watched.problems.items():
        yield Text(terminal.harmless(f"{label}: {problem.message} [{problem.code}]"), style="red")
    for label in watched.gone:
        yield Text(terminal.harmless(f"{label} was there, and has been deleted or moved."), style="yellow")
    if watched.left_out:
        yield Text(f"and {watched.left_out} runs that were written before these")
    if not watched.runs and not watched.problems:
        places = ", ".join(map(str, watched.places))
        yield Text(terminal.harmless(f"There is no run in {places} now. One that begins will be seen."))


def _run_lines(run: RunData, width: int) -> Iterator[Text]:
    """Yield the lines about one run: how it stands, how it goes, what it measured, what it said."""
    notice = status_notice(run, live=True)
    yield Text(terminal.harmless(f"{run.plan.name}: {run.label}"), style="bold")
    yield Text(terminal.harmless(notice.text), style=_COLORS[notice.kind])
    if notice.remedy:
        yield Text(terminal.harmless(f"try: {notice.remedy}"), style="dim")
    if now := run.progress:
        told = {name: value for name, value in now.metrics.items() if value is not None}
        pieces = {
            f"epoch {now.epoch}/{now.epochs}": 0,
            **{metrics_text({name: value}): 1 + 2 * place for place, (name, value) in enumerate(told.items())},
            f"{now.images_per_second:,.0f} images/s": 4,
            **({f"{left_text(run)} left": 2} if now.seconds_left is not None else {}),
        }
        done = (max(now.step - 1, 0) % now.epoch_steps + 1) / now.epoch_steps
        yield fit_to_width(pieces, done, width)
        waiting, memory = f"{now.input_wait:.0%} waiting for data", bytes_text(now.memory)
        yield Text(f"step {now.step:,} of {now.total_steps:,}, {waiting}, {memory}")
    yield from _epoch_lines(run)
    if run.gradients:
        yield Text(terminal.harmless(describe_gradient_flow(run.gradients)))
    if checks := run.history.norm_checks:
        norm, field, share = checks[-1].worst
        worst = f"worst {norm} by {field}, {share:.1%} of its tolerance"
        yield Text(terminal.harmless(f"batch norm, step {checks[-1].step:,}: {worst}"))
    for line in run.log[-_LOG_LINES:]:
        yield Text(terminal.harmless(line), style="dim")


def _epoch_lines(run: RunData) -> Iterator[Text]:
    if not run.epochs:
        yield Text("No epoch has ended yet.")
        return
    last = run.epochs[-1]
    for split in (each for each in SPLITS if getattr(last, each)):
        values = {name: value for name in shown_metrics([run]) if (value := getattr(last, split).get(name)) is not None}
        yield Text(f"epoch {last.epoch}: {split} {metrics_text(values)}")
    best = f", best {run.status.metric.replace('_', ' ')} {run.status.best:.4f} in epoch {run.status.best_epoch}"
    rate = f"learning rate {last.learning_rate:.3g}" if last.learning_rate is not None else ""
    time_taken = f"{duration_text(last.seconds)} of training" if last.seconds is not None else ""
    yield Text(", ".join(filter(None, (time_taken, rate))) + (best if run.status.best_epoch else ""))
    losses = [value for epoch in run.epochs if (value := epoch.train.get("loss")) is not None]
    if len(losses) > 1:
        yield Text(f"training loss {losses[0]:.4f} {sparkline(losses, _CURVE_WIDTH)} {losses[-1]:.4f}")


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as a line of bars, the least as the lowest; of more than `width`, evenly spaced ones."""
    count = min(len(values), width)
    shown = [values[round(place * (len(values) - 1) / max(count - 1, 1))] for place in range(count)]
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_LEVELS[round((value - low) / span * (len(_LEVELS) - 1)) if span else 0] for value in shown)


def _runs_table(runs: Sequence[RunData]) -> RenderableType:
    figures = ("step", "train loss", "measured", "best", "images/s", "wait", "left")
    table = fitting_table("run", "state", *figures, right=figures)
    for run in runs:
        now, last = run.progress, run.epochs[-1] if run.epochs else None
        loss = now.metrics.get("loss") if now else last.train.get("loss") if last else None
        measured = (last.validation or last.test).get(run.headline) if last else None
        step = max(run.status.step, now.step) if now else run.status.step
        pace = now.images_per_second if now else last.images_per_second if last else None
        waited = now.input_wait if now else last.input_wait if last else None
        table.add_row(
            terminal.harmless(run.label),
            "silent" if run.is_silent() else run.status.state,
            f"{step:,}" + (f"/{run.status.steps:,}" if run.status.steps else ""),
            _number(loss, ".4f"),
            _number(measured, ".4f"),
            _number(run.status.best, ".4f"),
            _number(pace, ",.0f"),
            _number(waited, ".0%"),
            left_text(run),
        )
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    try:
        lines = os.get_terminal_size(stream.fileno()).lines
    except (OSError, ValueError):
        lines = 25
    return terminal.columns(stream), lines


__all__ = ["FEW_RUNS", "follow", "screen", "sparkline"]
