"""Checkpoints on disk: `checkpoints/step-00000042/{state.npz, manifest.json}`, the manifest written last."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kresnet.files import digest, flush, json_digest, staged_directory, translate_os_errors, write_json

#: A step saved again gets a directory of its own (`-2`, `-3`), so that nothing valid is ever taken away for it.
_NAME = re.compile(r"step-(\d{8,})(?:-(\d+))?")
_STATE, _MANIFEST = "state.npz", "manifest.json"
#: Raised whenever `facts` or `state.npz` change, so that what is older is refused by name.
CHECKPOINT_FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` updates.

    Attributes:
        step: number of updates made.
        arrays: values of all variables, by names that are the same in every process.
        facts: state that is in no variable, JSON-ready: seconds trained, the last line of history.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class DamagedCheckpoint:
    """A checkpoint that cannot be read.

    Attributes:
        path: its directory, or where that was moved to.
        reason: what is wrong with it, in words.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is damaged and was skipped: {self.reason}."


class CheckpointStore:
    """The checkpoints of one run.

    Attributes:
        directory: the run's `checkpoints/`.
        keep_last: number of checkpoints that stay when another is saved.
    """

    def __init__(self, directory: Path, keep_last: int) -> None:
        self.directory, self.keep_last = directory, keep_last

    def save(self, checkpoint: Checkpoint, keep: Collection[int] = ()) -> Path:
        """Write a checkpoint under a temporary name, rename it, and remove old ones; return its directory.

        A process that is killed meanwhile leaves all earlier checkpoints as they were.

        Args:
            checkpoint: the state to write.
            keep: steps whose checkpoints stay, however old they are.

        Raises:
            KresnetError: `disk_full` or `not_writable`; earlier checkpoints stay.
        """
        with translate_os_errors(self.directory):
            self.directory.mkdir(exist_ok=True)  # its parent is the run, which must be there
        self._remove_unfinished_saves()
        same_step = [path for path in self._checkpoint_paths() if _step_number(path) == checkpoint.step]
        final = self._unused_path(f"step-{checkpoint.step:08d}")
        with staged_directory(final) as staged:
            state = staged / _STATE
            with state.open("wb") as file:
                np.savez(file, **checkpoint.arrays)  # type: ignore[arg-type]
            flush(state)
            files = {_STATE: {"bytes": state.stat().st_size, "sha256": digest(state)}}
            manifest = {
                "format": CHECKPOINT_FORMAT,
                "step": checkpoint.step,
                "files": files,
                "facts": dict(checkpoint.facts),
            }
            write_json(staged / _MANIFEST, {**manifest, "sha256": json_digest(manifest)})
        for path in same_step:
            _remove_checkpoint(path)
        for path in self._checkpoint_paths()[: -self.keep_last]:
            if _step_number(path) not in keep:
                _remove_checkpoint(path)
        return final

    def latest(self) -> tuple[Checkpoint | None, list[DamagedCheckpoint]]:
        """Return the newest valid checkpoint, None if there is none, and the damaged ones that are newer."""
        damaged: list[DamagedCheckpoint] = []
        for path in reversed(self._checkpoint_paths()):
            checkpoint = read_checkpoint(path)
            if isinstance(checkpoint, Checkpoint):
                return checkpoint, damaged
            damaged.append(checkpoint)
        return None, damaged

    def read_step(self, step: int) -> Checkpoint | None:
        """Return the valid checkpoint of a step; None if there is none."""
        of_step = (read_checkpoint(path) for path in reversed(self._checkpoint_paths()) if _step_number(path) == step)
        return next((checkpoint for checkpoint in of_step if isinstance(checkpoint, Checkpoint)), None)

    def set_aside(self, damaged: DamagedCheckpoint) -> DamagedCheckpoint:
        """Rename a damaged checkpoint to `damaged-step-…`, where no other method finds it; return it there."""
        aside = self._unused_path(f"damaged-{damaged.path.name}")
        with translate_os_errors(aside):
            damaged.path.replace(aside)
        return DamagedCheckpoint(aside, damaged.reason)

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in rising order, without opening any."""
        return [_step_number(path) for path in self._checkpoint_paths()]

    def drop_after(self, step: int) -> None:
        """Remove the checkpoints of steps after `step`, to which a run that rolled back will not come again."""
        for path in self._checkpoint_paths():
            if _step_number(path) > step:
                _remove_checkpoint(path)

    def _checkpoint_paths(self) -> list[Path]:
        """Return all checkpoint directories by step; of several of one step, the one saved last comes last."""
        return sorted(
            (path for path in self.directory.glob("step-*") if _NAME.fullmatch(path.name)), key=_step_and_number
        )

    def _unused_path(self, name: str) -> Path:
        taken = {path.name for path in self.directory.iterdir()}
        number = 1
        while (unused := name if number == 1 else f"{name}-{number}") in taken:
            number += 1
        return self.directory / unused

    def _remove_unfinished_saves(self) -> None:
        for left_over in self.directory.glob(".step-*.tmp"):
            shutil.rmtree(left_over, ignore_errors=True)


def read_checkpoint(path: Path) -> Checkpoint | DamagedCheckpoint:
    """Return the checkpoint in a directory, with its digests verified, or what is wrong with it."""
    try:
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        signed = {key: value for key, value in manifest.items() if key != "sha256"}
        if manifest["sha256"] != json_digest(signed):
            return DamagedCheckpoint(path, f"{_MANIFEST} differs from its own digest")
        if manifest["format"] != CHECKPOINT_FORMAT:
            return DamagedCheckpoint(
                path, f"it has format {manifest['format']}, and this kresnet reads format {CHECKPOINT_FORMAT}"
            )
        for name, expected in manifest["files"].items():
            size = (path / name).stat().st_size
            if size != expected["bytes"]:
                return DamagedCheckpoint(path, f"{name} has {size:,} bytes of {expected['bytes']:,}")
            if digest(path / name) != expected["sha256"]:
                return DamagedCheckpoint(path, f"the digest of {name} differs from its manifest's")
        with np.load(path / _STATE, allow_pickle=False) as arrays:
            return Checkpoint(manifest["step"], {name: arrays[name] for name in arrays.files}, manifest["facts"])
    except FileNotFoundError as error:
        return DamagedCheckpoint(path, f"there is no {Path(error.filename).name} in it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadZipFile, EOFError) as error:
        return DamagedCheckpoint(path, f"it cannot be read ({error})")


def _step_and_number(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2] or 1)


def _step_number(path: Path) -> int:
    return _step_and_number(path)[0]


def _remove_checkpoint(path: Path) -> None:
    """Rename a checkpoint, then delete it: a process that is killed meanwhile leaves none that is half deleted."""
    gone = path.with_name(f".{path.name}.gone.tmp")
    shutil.rmtree(gone, ignore_errors=True)
    path.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
