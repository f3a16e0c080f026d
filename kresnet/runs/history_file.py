"""The history of a training run: a file of JSON lines, one for each epoch and each measurement from inside."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kresnet.files import read_lines, translate_os_errors, write_text


class HistoryFile:
    """The file `history.jsonl` of a run.

    Attributes:
        path: path of the file, which is there once a line has been written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        """Read all lines, oldest first, except one that was cut short by a kill."""
        return [line for line in read_lines(self.path) if isinstance(line.get("step"), int)]

    def epochs(self) -> list[dict[str, Any]]:
        """Read the lines that end an epoch, oldest first."""
        return [line for line in self.lines() if "epoch" in line]

    def append(self, line: Mapping[str, Any]) -> None:
        """Append a line and flush it to disk, so that no checkpoint is newer than its history.

        Raises:
            KresnetError: `disk_full` or `not_writable`.
        """
        with translate_os_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def truncate(self, step: int, epoch: int) -> None:
        """Remove the lines that a restored checkpoint does not know of.

        Args:
            step: number of updates made.
            epoch: number of epochs that have ended: the state may have been saved before the evaluation of the last.
        """
        if not self.path.is_file():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        whole = [(line, json.loads(line)) for line in lines if line.endswith("}")]
        kept = [line for line, values in whole if values["step"] <= step and values.get("epoch", 0) <= epoch]
        if kept != lines:
            write_text(self.path, "".join(line + "\n" for line in kept))


__all__ = ["HistoryFile"]
