"""A thread that writes to disk while training goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class BackgroundWriter:
    """Runs one task at a time in a thread of its own. The next call raises what a task raised."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._current_task: Future[object] | None = None

    def wait(self) -> None:
        """Wait until the last task has ended, and raise what it raised."""
        under_way, self._current_task = self._current_task, None
        if under_way is not None:
            under_way.result()

    def start(self, task: Callable[[], object]) -> None:
        """Start a task once the one before it has ended, and raise what that one raised."""
        self.wait()
        self._current_task = self._thread.submit(task)

    def close(self) -> None:
        """Wait until the last task has ended, and ignore what it raised."""
        self._thread.shutdown(wait=True)
