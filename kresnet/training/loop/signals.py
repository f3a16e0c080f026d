"""SIGTERM and SIGINT as requests to stop, which training grants where it can save its state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class StopRequested(Exception):
    """Raised in work that can be done again later, such as an evaluation, because the run is to stop."""


class StopSignals:
    """A context in which the first SIGTERM or SIGINT is only recorded; a second signal, if SIGINT, interrupts at once.

    Attributes:
        requested: whether a signal has come.
        log: function that tells the user so.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.requested, self.log = False, log
        self._previous_handlers: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
            numbers = (signal.SIGTERM, signal.SIGINT)
            self._previous_handlers = {number: signal.signal(number, self._handle_signal) for number in numbers}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.log(f"{signal.Signals(number).name}: stopping when the steps under way are done and the state is saved.")
