"""What a user sees while a network trains: a line that lives on a terminal, a line an epoch in a log."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TextIO

from kresnet import terminal

if TYPE_CHECKING:
    from rich.text import Text

#: From this share of the time on, the display says that the device waits for data.
TOLD_FROM = 0.05

#: Seconds between two drawings of the line.
REDRAWN_AFTER = 0.1

#: Cells of the longest bar, and of the shortest that says anything.
BAR, SHORTEST_BAR = 20, 5


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
        self.alive, self._drawn = terminal.has_cursor(self.stream), 0.0

    def steps(self, step: int, metrics: Mapping[str, float], images_per_second: float) -> None:
        """After a few steps; drawn on a terminal only, over what was drawn before, and never longer than its width."""
        now = time.perf_counter()
        if not self.alive or now - self._drawn < REDRAWN_AFTER:
            return
        self._drawn = now
        epoch, done = divmod(step - 1, self.steps_per_epoch)
        pieces = {
            f"epoch {epoch + 1}/{self.epochs}": 0,
            **{metrics_text({name: value}): 1 + 2 * place for place, (name, value) in enumerate(metrics.items())},
            f"{images_per_second:,.0f} images/s": 4,
            f"{clock_text(self._seconds_left(step))} left": 2,
        }
        self._draw(fit_to_width(pieces, (done + 1) / self.steps_per_epoch, terminal.columns(self.stream) - 1))

    def epoch(self, line: Mapping[str, object]) -> None:
        """At the end of an epoch, from its line of history."""
        self._drawn = 0.0  # the next epoch is seen to begin
        train, test = line["train"], line["test"]
        assert isinstance(train, Mapping)
        assert isinstance(test, Mapping)
        step = int(str(line["step"]))
        waited = float(str(line["input_wait"]))
        waiting = f"  {waited:.0%} waiting for data" if waited >= TOLD_FROM else ""
        self._keep(
            f"epoch {line['epoch']}/{self.epochs}  train {metrics_text(train)}  test {metrics_text(test)}  "
            f"{line['images_per_second']:,.0f} images/s{waiting}  {clock_text(self._seconds_left(step))} left"
        )

    def _draw(self, line: Text) -> None:
        """Show a line until the next one."""
        out = terminal.console(self.stream)
        with out.capture() as drawn:
            out.print(line, end="", soft_wrap=True)
        self.stream.write(f"\r{drawn.get()}\x1b[K")  # at once, and cleared behind: nothing flickers
        self.stream.flush()

    def _keep(self, line: str) -> None:
        """Show a line for good."""
        terminal.clear(self.stream)
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def _seconds_left(self, step: int) -> float:
        elapsed = time.perf_counter() - self.started
        return elapsed / max(step - self.start_step, 1) * (self.total_steps - step)


#: Makes the display of a run, as `Progress` does: of its steps in all, those of an epoch, and those already made.
ProgressMaker = Callable[[int, int, int], Progress]


class RunOutput(NamedTuple):
    """What shows a user how a run goes.

    Attributes:
        log: takes a line of text.
        make_progress: makes the display of the run's steps.
    """

    log: Callable[[str], None] = lambda _: None
    make_progress: ProgressMaker = Progress

    @classmethod
    def silent(cls) -> RunOutput:
        """Return an output that shows nothing."""
        return cls(make_progress=partial(Progress, stream=io.StringIO()))


def fit_to_width(pieces: Mapping[str, int], share: float, width: int) -> Text:
    """A line of at most `width` cells.

    Args:
        pieces: texts, in order, and how dispensable each is: the largest number is left out first, zero never.
        share: of the bar behind the first piece, which takes what room is left.
        width: in cells.
    """
    from rich.text import Text

    kept = dict(pieces)
    while len("  ".join(kept)) > width and any(kept.values()):
        del kept[max(kept, key=lambda text: kept[text])]
    first, *rest = kept
    room = min(width - len("  ".join(kept)) - 2, BAR)
    parts: list[Text | str] = [first]
    if room >= SHORTEST_BAR:
        full = round(share * room)
        parts.append(Text.assemble(("━" * full, "green"), ("┄" * (room - full), "dim")))
    line = Text("  ").join(part if isinstance(part, Text) else Text(part) for part in [*parts, *rest])
    line.truncate(width, overflow="crop")
    return line


def metrics_text(metrics: Mapping[str, float]) -> str:
    """`loss 0.1234 top 5 accuracy 0.9876`."""
    return " ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def clock_text(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
