"""One `kresnet fit` of a study, in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kresnet.errors import TO_BE_CONTINUED, Problem
from kresnet.files import translate_os_errors
from kresnet.python_processes import child_environment, python_command
from kresnet.study.resources import RunResources

#: Of prctl(2): which signal a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


class FitProcess:
    """A running `kresnet fit`: its messages go to a log file, and its result or its problems are kept to be read."""

    def __init__(self, arguments: Sequence[str], log: Path, resources: RunResources) -> None:
        """Start it.

        Args:
            arguments: the words after `kresnet fit`.
            log: file to which its messages are appended.
            resources: cores and GPU that the process may use.

        Raises:
            KresnetError: `not_writable` or `disk_full`.
        """
        self.command = ["kresnet", "fit", *arguments]
        self.log, self._start_time = log, time.monotonic()
        self._stop_requested = False
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        with translate_os_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as messages:
                self._process = subprocess.Popen(
                    python_command("kresnet", "fit", *arguments, "--json"),
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=messages,
                    env=child_environment(resources.environment()),
                    start_new_session=True,  # a Ctrl-C reaches the study alone, which passes it on once
                    preexec_fn=lambda: _set_up_child(resources),
                )

    def stop(self) -> None:
        """Ask the run to save its state and end; one that does not listen for signals yet ends with nothing to save."""
        self._stop_requested = True
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """Seconds since the process was started."""
        return time.monotonic() - self._start_time

    def outcome(self) -> tuple[Literal["finished", "stopped", "failed"], Problem | None]:
        """How the process ended: `finished`, `stopped` (it can be resumed), or `failed` with its problem."""
        status = self._process.wait()
        if status == 0:
            return "finished", None
        if status == TO_BE_CONTINUED or (self._stop_requested and status == -signal.SIGTERM):
            return "stopped", None
        return "failed", self._problem(status)

    def _problem(self, status: int) -> Problem:
        """The first problem that the process printed, or what its exit status means."""
        self._output.seek(0)
        with contextlib.suppress(ValueError, LookupError, TypeError):
            printed: dict[str, Any] = json.loads(self._output.read())["problems"][0]
            return Problem(
                printed["code"], printed["message"], printed.get("path", ""), remedy=printed.get("remedy", "")
            )
        if status < 0:
            name = signal.Signals(-status).name
            message = f"The process was ended by {name}" + (", as for want of memory." if -status == 9 else ".")
            return Problem("internal", message, remedy=f"see {self.log}")
        return Problem("internal", f"The process ended with status {status}.", remedy=f"see {self.log}")


def _set_up_child(resources: RunResources) -> None:
    """Set the cores of the new process, and have the system stop it should the study be killed; runs before Python."""
    if resources.cores:
        os.sched_setaffinity(0, resources.cores)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
