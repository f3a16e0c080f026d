"""How a run that Python started tells of itself: on standard error, or in a notebook below its cell."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import TYPE_CHECKING, Any, TextIO

from kresnet import terminal
from kresnet.training.loop.progress import REDRAW_SECONDS, Progress, RunOutput

if TYPE_CHECKING:
    from rich.text import Text

#: Epochs that a notebook shows below each other; the run's history has them all.
SHOWN = 10

#: Seconds between two lines of a count in a log.
LOG_SECONDS = 60.0


def run_output(progress: bool) -> RunOutput:
    """Return what shows a user how a run goes; it shows nothing without `progress`."""
    if not progress:
        return RunOutput.silent()
    return RunOutput(print, NotebookProgress) if in_notebook() else RunOutput(terminal.log, Progress)


def in_notebook() -> bool:
    """Return whether this process answers a notebook; IPython is not imported to find out."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(interactive, "kernel")


class CountProgress:
    """How many things are done, and how many a second: on a terminal a line that is drawn anew, in a log one a minute.

    Args:
        things: what is counted, in the plural.
        stream: stream to print to; standard error by default.
    """

    def __init__(self, things: str, stream: TextIO | None = None) -> None:
        self._things, self._stream = things, stream or sys.stderr
        self._began = self._shown_at = time.perf_counter()
        self._alive = terminal.has_cursor(self._stream)

    def show(self, done: int) -> None:
        """Tell how many are done by now, if it is time to."""
        now = time.perf_counter()
        if now - self._shown_at < (REDRAW_SECONDS if self._alive else LOG_SECONDS):
            return
        self._shown_at = now
        text = f"{done:,} {self._things}, {done / (now - self._began):,.0f} a second"
        self._stream.write(f"{terminal.ERASE}{text}" if self._alive else f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Clear the line."""
        terminal.clear(self._stream)


class NotebookProgress(Progress):
    """Progress as one output below the cell, drawn anew: the last epochs, and how far the present one is.

    However long the run, the notebook keeps these lines and no others.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int, start_step: int) -> None:
        super().__init__(total_steps, steps_per_epoch, start_step)
        self.alive = True
        self.epoch_lines: list[str] = []
        self._output: Any = None

    def _draw(self, line: Text | str) -> None:
        earlier = len(self.epoch_lines) - SHOWN
        head = [f"… {earlier} earlier epochs, in the run's history"] if earlier > 0 else []
        text = "\n".join([*head, *self.epoch_lines[-SHOWN:], *([str(line)] if line else [])])
        shown = {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}
        if self._output is None:
            from IPython.display import display

            self._output = display(shown, raw=True, display_id=True)
        else:
            self._output.update(shown, raw=True)

    def _print(self, line: str) -> None:
        self.epoch_lines.append(line)
        self._draw("")


__all__ = ["CountProgress", "NotebookProgress", "in_notebook", "run_output"]
