"""What a run under way tells of itself between two epochs: how far it is, and what it has said. No run needs it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from kresnet.files import replace_non_finite

#: Seconds between two writings of the progress.
WRITE_SECONDS = 2.0

#: Bytes of a log of which the last lines are read.
_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class LiveProgress:
    """How far a run under way is, as its process last wrote it.

    Attributes:
        step: number of updates made.
        start_step: number of updates that had been made when the process began.
        total_steps: number of updates of the whole run.
        epoch_steps: number of updates of an epoch.
        metrics: means over the training images of the epoch so far; None where they are not finite.
        images_per_second: throughput of the epoch so far.
        input_wait: fraction of the epoch's time so far in which steps waited for data.
        memory: bytes that the process holds on the host.
        started: when the process began with its first step, in seconds of Unix time.
        written: when this was written, in seconds of Unix time.
    """

    step: int
    start_step: int
    total_steps: int
    epoch_steps: int
    metrics: Mapping[str, float | None]
    images_per_second: float
    input_wait: float
    memory: int
    started: float
    written: float

    @property
    def epoch(self) -> int:
        """The number of the epoch that is under way, from 1."""
        return max(self.step - 1, 0) // self.epoch_steps + 1

    @property
    def epochs(self) -> int:
        """The number of epochs of the whole run; the last may be cut short."""
        return -(-self.total_steps // self.epoch_steps)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end of the run, at the mean speed since the process began; None before its first step."""
        taken = self.step - self.start_step
        return (self.written - self.started) / taken * (self.total_steps - self.step) if taken > 0 else None


class ProgressFile:
    """Writes a run's `progress.json`, every few seconds, in place: a reader may meet half of it, and looks again.

    Nothing is flushed, and what the disk refuses is left out, since no run needs the file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, -math.inf
        self._start: tuple[int, float] | None = None

    def begin(self, step: int) -> None:
        """Take note that the process begins after `step` updates; what an earlier process told is removed."""
        self._start = (step, time.time())
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return self._start is not None and time.monotonic() - self._last >= WRITE_SECONDS

    def write(
        self,
        step: int,
        steps: tuple[int, int],
        metrics: Mapping[str, float],
        pace: tuple[float, float],
        memory: int,
    ) -> None:
        """Write how far the run is.

        Args:
            step: number of updates made.
            steps: numbers of updates of the whole run and of an epoch.
            metrics: means of the epoch so far.
            pace: images a second, and the fraction of the time spent on waiting for data, both of the epoch so far.
            memory: bytes that the process holds.
        """
        assert self._start
        self._last = time.monotonic()
        values = {name: float(value) for name, value in metrics.items()}
        told = LiveProgress(step, self._start[0], *steps, values, *pace, memory, self._start[1], time.time())
        with contextlib.suppress(OSError):
            self._path.write_text(json.dumps(replace_non_finite(asdict(told))) + "\n", encoding="utf-8")


def read_progress(path: Path) -> LiveProgress | None:
    """Return what a `progress.json` says; None where there is none, or only half of one."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        told = LiveProgress(**values)
        return told if told.epoch_steps > 0 and isinstance(told.metrics, dict) and told.epochs > 0 else None
    except (OSError, ValueError, TypeError):
        return None


def logged(tell: Callable[[str], None], path: Path) -> Callable[[str], None]:
    """Return a function that tells what `tell` tells, and appends it to a log, with the time in UTC.

    What the disk refuses is left out of the log.
    """

    def log(message: str) -> None:
        tell(message)
        text = " ".join(message.splitlines())
        with contextlib.suppress(OSError), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n")

    return log


def read_log(path: Path, lines: int) -> tuple[str, ...]:
    """Return the last whole lines of a log, oldest first; none where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL_BYTES, 0))
            found = file.read()
    except OSError:
        return ()
    whole = found.rpartition(b"\n")[0].decode("utf-8", "replace").splitlines()
    return tuple(whole[1 if size > _TAIL_BYTES else 0 :][-lines:])


__all__ = ["WRITE_SECONDS", "LiveProgress", "ProgressFile", "logged", "read_log", "read_progress"]
