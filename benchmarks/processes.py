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

    def ready(self) -> dict[str, Any]:
        """Begin, and wait until the first steps are done; what they took."""
        return self.ask(json.dumps(self.job.as_dict()))

    def take(self, steps: int) -> dict[str, Any]:
        """Take some steps; how fast they were."""
        return self.ask(str(steps))

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; the empty answer says so
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise SystemExit(f"{self.job} ended without an answer:\n{self._errors.read()[-3000:]}")
        return json.loads(answer)
