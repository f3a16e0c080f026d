"""The driver's side of a worker process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

ROOT = Path(__file__).parent.parent


class Described(Protocol):
    """What a worker is told first."""

    @property
    def contender(self) -> str: ...

    def as_dict(self) -> dict[str, Any]: ...


class Worker:
    """A process that runs a worker's module; ends with its context."""

    def __init__(self, job: Described, python: str | Path, module: str = "benchmarks.worker") -> None:
        self.job, self.name = job, job.contender
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the context
        self._process = subprocess.Popen(
            [str(Path(python).absolute()), "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def begin(self) -> None:
        """Tell it its job, without waiting: for workers that do not answer to that."""
        self._send(json.dumps(self.job.as_dict()))

    def ready(self) -> dict[str, Any]:
        """Tell it its job, and wait for its answer."""
        return self.ask(json.dumps(self.job.as_dict()))

    def first_step(self) -> dict[str, Any]:
        """Wait until the first step is done; what it took."""
        return self.ask("start")

    def warm(self) -> dict[str, Any]:
        """Take a few steps; what `benchmarks.worker.warm` measures."""
        return self.ask("warm")

    def take(self, steps: int) -> dict[str, Any]:
        """Take some steps; how fast they were."""
        return self.ask(str(steps))

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to a line."""
        self._send(line)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise SystemExit(f"{self.job} ended without an answer:\n{self._errors.read()[-3000:]}")
        return json.loads(answer)

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; the empty answer to what is asked says so
