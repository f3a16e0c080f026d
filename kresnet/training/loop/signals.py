"""SIGTERM and SIGINT as a wish to stop, which training grants where it can save its state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class Stopped(Exception):
    """Left what can be done again later, because of a wish to stop."""


class StopSignals:
    """Within its block, the first SIGTERM or SIGINT is only noted; a second SIGINT interrupts at once.

    Attributes:
        requested: whether one has come.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.requested, self.log = False, log
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
            numbers = (signal.SIGTERM, signal.SIGINT)
            self._before = {number: signal.signal(number, self._heard) for number in numbers}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.log(f"{signal.Signals(number).name}: stopping when the steps under way are done and the state is saved.")
