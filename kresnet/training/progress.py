"""What a user sees while a network trains: a line that lives on a terminal, a line an epoch in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

#: From this share of the time on, the display says that the device waits for data.
TOLD_FROM = 0.05


class Progress:
    """Prints progress of a run to a stream.

    Args:
        total_steps: length of the run, the last epoch of which may be cut short.
        steps_per_epoch: of an epoch.
        start_step: updates already made, for a resumed run.
        stream: standard error by default.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int, start_step: int, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        self.epochs = -(-total_steps // steps_per_epoch)
        self.start_step, self.started = start_step, time.perf_counter()
        self.alive = self.stream.isatty()

    def steps(self, step: int, metrics: Mapping[str, float], images_per_second: float) -> None:
        """After a few steps; drawn on a terminal only."""
        if not self.alive:
            return
        epoch, done = divmod(step - 1, self.steps_per_epoch)
        left = clock(self._seconds_left(step))
        self._draw(
            f"epoch {epoch + 1}/{self.epochs}  {_bar((done + 1) / self.steps_per_epoch)}  "
            f"{named(metrics)}  "
            f"{images_per_second:,.0f} images/s  {left} left"
        )

    def epoch(self, line: Mapping[str, object]) -> None:
        """At the end of an epoch, from its line of history."""
        train, test = line["train"], line["test"]
        assert isinstance(train, Mapping)
        assert isinstance(test, Mapping)
        step = int(str(line["step"]))
        waited = float(str(line["input_wait"]))
        waiting = f"  {waited:.0%} waiting for data" if waited >= TOLD_FROM else ""
        self._keep(
            f"epoch {line['epoch']}/{self.epochs}  train {named(train)}  test {named(test)}  "
            f"{line['images_per_second']:,.0f} images/s{waiting}  {clock(self._seconds_left(step))} left"
        )

    def _draw(self, line: str) -> None:
        """Show a line until the next one."""
        self.stream.write(f"\r\x1b[2K{line}")
        self.stream.flush()

    def _keep(self, line: str) -> None:
        """Show a line for good."""
        self.stream.write(("\r\x1b[2K" if self.alive else "") + line + "\n")
        self.stream.flush()

    def _seconds_left(self, step: int) -> float:
        elapsed = time.perf_counter() - self.started
        return elapsed / max(step - self.start_step, 1) * (self.total_steps - step)


#: Makes the display of a run, as `Progress` does: of its steps in all, those of an epoch, and those already made.
ProgressMaker = Callable[[int, int, int], Progress]


def named(metrics: Mapping[str, float]) -> str:
    """`loss 0.1234 top 5 accuracy 0.9876`."""
    return " ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def clock(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar(share: float, width: int = 20) -> str:
    full = round(share * width)
    return "━" * full + "┄" * (width - full)
