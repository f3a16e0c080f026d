"""Checkpoints on disk: `checkpoints/step-00000042/{state.npz, manifest.json}`, the manifest written last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kresnet.files import digest, flush, staged_directory, write_json


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` updates.

    Attributes:
        step: updates made.
        arrays: every variable, by a name that is stable between processes.
        facts: JSON-ready state that is no variable: seconds trained, lines of history.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, directory: Path, keep_last: int) -> None:
        self.directory, self.keep_last = directory, keep_last

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint beside the others, then rename it into place; a kill leaves the others untouched.

        Raises:
            KresnetError: `disk_full` or `not_writable`; earlier checkpoints stay.
        """
        final = self.directory / f"step-{checkpoint.step:08d}"
        self._clear_staged()
        with staged_directory(final) as staged:
            state = staged / "state.npz"
            with state.open("wb") as file:
                np.savez(file, **checkpoint.arrays)  # type: ignore[arg-type]
            flush(state)
            manifest = {"step": checkpoint.step, "sha256": digest(state), "facts": dict(checkpoint.facts)}
            write_json(staged / "manifest.json", manifest)
            if final.exists():  # a damaged one of the same step, or the same state saved again
                shutil.rmtree(final)
        for old in self._steps()[: -self.keep_last]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest valid checkpoint, and a sentence for each newer one that is damaged."""
        damaged: list[str] = []
        for path in reversed(self._steps()):
            try:
                return _read(path), damaged
            except (OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError) as error:
                damaged.append(f"{path} is damaged and was skipped ({error}).")
        return None, damaged

    def _steps(self) -> list[Path]:
        return sorted(path for path in self.directory.glob("step-*") if path.is_dir())

    def _clear_staged(self) -> None:
        for left_over in self.directory.glob(".step-*.tmp"):
            shutil.rmtree(left_over, ignore_errors=True)


def _read(path: Path) -> Checkpoint:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    state = path / "state.npz"
    if digest(state) != manifest["sha256"]:
        raise ValueError("its digest differs from its manifest's")
    with np.load(state, allow_pickle=False) as arrays:
        return Checkpoint(manifest["step"], {name: arrays[name] for name in arrays.files}, manifest["facts"])
