"""How a run that Python started tells of itself: on standard error, or in a notebook below its cell."""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any

from kresnet import terminal
from kresnet.training.loop.progress import Progress, RunOutput

if TYPE_CHECKING:
    from rich.text import Text

#: Epochs that a notebook shows below each other; the run's history has them all.
SHOWN = 10


def log(message: str) -> None:
    """Print a line of progress on stderr."""
    terminal.clear(sys.stderr)
    print(message, file=sys.stderr, flush=True)


def run_output(progress: bool) -> RunOutput:
    """Return what shows a user how a run goes; it shows nothing without `progress`."""
    if not progress:
        return RunOutput.silent()
    return RunOutput(print, NotebookProgress) if in_notebook() else RunOutput(log, Progress)


def in_notebook() -> bool:
    """Return whether this process answers a notebook; IPython is not imported to find out."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(interactive, "kernel")


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


__all__ = ["NotebookProgress", "in_notebook", "log", "run_output"]
