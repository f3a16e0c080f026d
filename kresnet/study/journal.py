"""The journal of a study's directory, `journal.jsonl`: each process that trained, and each call of the study."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kresnet.files import read_lines, translate_os_errors


class Journal:
    """Lines that are only ever added: what was done when, in wall time, which the runs themselves do not keep."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"

    def record_process(self, variant: str, seed: int, state: str, command: Sequence[str], seconds: float) -> None:
        """A `kresnet fit` has ended in `state`, after so many seconds by the clock on the wall."""
        self._add(
            event="process", variant=variant, seed=seed, state=state, seconds=seconds, command=shlex.join(command)
        )

    def record_call(self, command: str, jobs: int, processes: int, seconds: float) -> None:
        """A call of the study has ended, which led so many processes."""
        self._add(event="call", command=command, jobs=jobs, processes=processes, seconds=seconds)

    def lines(self) -> list[dict[str, Any]]:
        """All that was written down."""
        return read_lines(self.path)

    def _add(self, **line: Any) -> None:
        line["seconds"] = round(line["seconds"], 1)
        line["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        with translate_os_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
