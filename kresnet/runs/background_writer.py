"""Write while training goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class BackgroundWriter:
    """Does one task at a time in a thread of its own; what goes wrong there is raised here, by the next call."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._under_way: Future[object] | None = None

    def wait(self) -> None:
        """Return when the last task has ended; raises what it raised."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def start(self, task: Callable[[], object]) -> None:
        """Start a task, after the one before has ended; raises what that one raised."""
        self.wait()
        self._under_way = self._thread.submit(task)

    def close(self) -> None:
        """Let the last task end, whatever comes of it."""
        self._thread.shutdown(wait=True)
