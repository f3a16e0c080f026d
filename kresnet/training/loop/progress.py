"""The display of a run's progress: on a terminal a line that is drawn anew, in a log one line an epoch."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TextIO, cast

from kresnet import terminal
from kresnet.data.description import SPLITS

if TYPE_CHECKING:
    from rich.text import Text

#: Least fraction of an epoch's time spent on waiting for data that the display shows.
MIN_SHOWN_INPUT_WAIT = 0.05

#: Seconds between two drawings of the line.
REDRAW_SECONDS = 0.1

#: Cells of the longest bar, and of the shortest that says anything.
MAX_BAR_CELLS, MIN_BAR_CELLS = 20, 5


class Progress:
    """Prints the progress of a run to a stream.

    Args:
        total_steps: number of steps of the run; the last epoch may be cut short.
        steps_per_epoch: number of steps of an epoch.
        start_step: number of updates already made, for a resumed run.
        stream: stream to print to; standard error by default.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int, start_step: int, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        self.epochs = -(-total_steps // steps_per_epoch)
        self.start_step, self.started = start_step, time.perf_counter()
        self.alive, self._drawn_at = terminal.has_cursor(self.stream), 0.0

    def steps(self, step: int, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Draw the line again after some steps; on a terminal only, and never longer than its width.

        Args:
            step: number of updates made.
            metrics: means of the epoch so far.
            images_per_second: throughput of these steps.
        """
        now = time.perf_counter()
        if not self.alive or now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at = now
        epoch, done = divmod(step - 1, self.steps_per_epoch)
        pieces = {
            f"epoch {epoch + 1}/{self.epochs}": 0,
            **{metrics_text({name: value}): 1 + 2 * place for place, (name, value) in enumerate(metrics.items())},
            f"{images_per_second:,.0f} images/s": 4,
            f"{clock_text(self._seconds_left(step))} left": 2,
        }
        self._draw(fit_to_width(pieces, (done + 1) / self.steps_per_epoch, terminal.columns(self.stream) - 1))

    def epoch(self, line: Mapping[str, object]) -> None:
        """Print the line of an epoch that has ended, from its line of history."""
        self._drawn_at = 0.0  # the next epoch is seen to begin
        measured = [(split, line[split]) for split in SPLITS if split in line]
        step = int(str(line["step"]))
        waited = float(str(line["input_wait"]))
        waiting = f"  {waited:.0%} waiting for data" if waited >= MIN_SHOWN_INPUT_WAIT else ""
        metrics = "  ".join(f"{split} {metrics_text(cast(Mapping[str, float], values))}" for split, values in measured)
        self._print(
            f"epoch {line['epoch']}/{self.epochs}  {metrics}  "
            f"{line['images_per_second']:,.0f} images/s{waiting}  {clock_text(self._seconds_left(step))} left"
        )

    def _draw(self, line: Text) -> None:
        """Draw a line that the next one replaces."""
        out = terminal.console(self.stream)
        with out.capture() as drawn:
            out.print(line, end="", soft_wrap=True)
        self.stream.write(f"\r{drawn.get()}\x1b[K")  # at once, and cleared behind: nothing flickers
        self.stream.flush()

    def _print(self, line: str) -> None:
        """Print a line that stays."""
        terminal.clear(self.stream)
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def _seconds_left(self, step: int) -> float:
        elapsed = time.perf_counter() - self.started
        return elapsed / max(step - self.start_step, 1) * (self.total_steps - step)


#: Function that makes the display of a run, as `Progress` does, from `total_steps`, `steps_per_epoch` and `start_step`.
ProgressFactory = Callable[[int, int, int], Progress]


class RunOutput(NamedTuple):
    """What shows a user how a run goes.

    Attributes:
        log: takes a line of text.
        make_progress: makes the display of the run's steps.
    """

    log: Callable[[str], None] = lambda _: None
    make_progress: ProgressFactory = Progress

    @classmethod
    def silent(cls) -> RunOutput:
        """Return an output that shows nothing."""
        return cls(make_progress=partial(Progress, stream=io.StringIO()))


def fit_to_width(pieces: Mapping[str, int], fraction: float, width: int) -> Text:
    """Return a line of at most `width` cells: texts, with a progress bar behind the first of them.

    Args:
        pieces: texts, in order, and their ranks: where room is short, the text of the largest rank is left out first,
            and those of rank zero never.
        fraction: fraction of the bar that is full; the bar takes what room is left.
        width: width of the line in cells.
    """
    from rich.text import Text

    kept = dict(pieces)
    while len("  ".join(kept)) > width and any(kept.values()):
        del kept[max(kept, key=lambda text: kept[text])]
    first, *rest = kept
    room = min(width - len("  ".join(kept)) - 2, MAX_BAR_CELLS)
    shown: list[Text | str] = [first]
    if room >= MIN_BAR_CELLS:
        full = round(fraction * room)
        shown.append(Text.assemble(("━" * full, "green"), ("┄" * (room - full), "dim")))
    line = Text("  ").join(piece if isinstance(piece, Text) else Text(piece) for piece in [*shown, *rest])
    line.truncate(width, overflow="crop")
    return line


def metrics_text(metrics: Mapping[str, float]) -> str:
    """Return metrics as text: `loss 0.1234 top 5 accuracy 0.9876`."""
    return " ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def clock_text(seconds: float) -> str:
    """Return a time in seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
