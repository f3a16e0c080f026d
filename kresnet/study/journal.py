"""The journal of a study's directory, `journal.jsonl`: each process that trained, and each call of the study."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kresnet.files import read_lines, translate_os_errors


class Journal:
    """An append-only log of what was done when, in wall time, which the runs themselves do not record."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"

    def record_process(self, identity: Mapping[str, Any], state: str, command: Sequence[str], seconds: float) -> None:
        """Record a `kresnet fit` that ended in `state` after so many seconds of wall time.

        Args:
            identity: of the run, `PlannedRun.identity`.
            state: how it ended.
            command: word by word.
            seconds: of wall time.
        """
        self._add(event="process", **identity, state=state, seconds=seconds, command=shlex.join(command))

    def run_seconds(self, identity: Mapping[str, Any]) -> float | None:
        """Return the seconds of wall time that the processes of a run took; None if none is recorded."""
        names = ("variant", "seed", "fold", "trial")
        wanted = [identity.get(name) for name in names]
        seconds = [line["seconds"] for line in self.lines() if [line.get(name) for name in names] == wanted]
        return sum(seconds) if seconds else None

    def record_call(self, command: str, jobs: int, processes: int, seconds: float) -> None:
        """Record a call of the study that has ended, and how many processes it started."""
        self._add(event="call", command=command, jobs=jobs, processes=processes, seconds=seconds)

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines, oldest first."""
        return read_lines(self.path)

    def _add(self, **line: Any) -> None:
        line["seconds"] = round(line["seconds"], 1)
        line["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        with translate_os_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
