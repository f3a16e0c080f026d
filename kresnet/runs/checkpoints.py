"""Checkpoints on disk: `checkpoints/step-00000042/{state.npz, manifest.json}`, the manifest written last."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kresnet.files import digest, flush, staged_directory, translate_os_errors, write_json

#: A step saved again gets a directory of its own (`-2`, `-3`), so that nothing valid is ever taken away for it.
_NAME = re.compile(r"step-(\d{8,})(?:-(\d+))?")
_STATE, _MANIFEST = "state.npz", "manifest.json"
#: Raised whenever `facts` or `state.npz` change, so that what is older is refused by name.
FORMAT = 2


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


@dataclass(frozen=True)
class Damaged:
    """A checkpoint that cannot be used: where it is, or was moved to, and what is wrong with it."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is damaged and was skipped: {self.reason}."


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, directory: Path, keep_last: int) -> None:
        self.directory, self.keep_last = directory, keep_last

    def save(self, checkpoint: Checkpoint, keep: Collection[int] = ()) -> Path:
        """Write a checkpoint beside the others, then rename it into place; a kill leaves the others untouched.

        Args:
            checkpoint: what to write.
            keep: steps whose checkpoints stay, however old.

        Raises:
            KresnetError: `disk_full` or `not_writable`; earlier checkpoints stay.
        """
        with translate_os_errors(self.directory):
            self.directory.mkdir(exist_ok=True)  # its parent is the run, which must be there
        self._clear_left_over()
        same_step = [path for path in self._paths() if _step(path) == checkpoint.step]
        final = self._unused(f"step-{checkpoint.step:08d}")
        with staged_directory(final) as staged:
            state = staged / _STATE
            with state.open("wb") as file:
                np.savez(file, **checkpoint.arrays)  # type: ignore[arg-type]
            flush(state)
            files = {_STATE: {"bytes": state.stat().st_size, "sha256": digest(state)}}
            said = {"format": FORMAT, "step": checkpoint.step, "files": files, "facts": dict(checkpoint.facts)}
            write_json(staged / _MANIFEST, {**said, "sha256": _digest_of(said)})
        for path in same_step:
            _remove(path)
        for path in self._paths()[: -self.keep_last]:
            if _step(path) not in keep:
                _remove(path)
        return final

    def latest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        """The newest valid checkpoint, and the newer ones, which are damaged."""
        damaged: list[Damaged] = []
        for path in reversed(self._paths()):
            checkpoint = read(path)
            if isinstance(checkpoint, Checkpoint):
                return checkpoint, damaged
            damaged.append(checkpoint)
        return None, damaged

    def at(self, step: int) -> Checkpoint | None:
        """The valid checkpoint of a step, if there is one."""
        found = (read(path) for path in reversed(self._paths()) if _step(path) == step)
        return next((checkpoint for checkpoint in found if isinstance(checkpoint, Checkpoint)), None)

    def set_aside(self, damaged: Damaged) -> Damaged:
        """Rename a damaged checkpoint to `damaged-step-…`, for somebody to look at; it is no longer found here."""
        aside = self._unused(f"damaged-{damaged.path.name}")
        with translate_os_errors(aside):
            damaged.path.replace(aside)
        return Damaged(aside, damaged.reason)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, rising; none is opened."""
        return [_step(path) for path in self._paths()]

    def drop_after(self, step: int) -> None:
        """Remove the checkpoints of later steps: the run went back, and will not come to them again."""
        for path in self._paths():
            if _step(path) > step:
                _remove(path)

    def _paths(self) -> list[Path]:
        """Oldest first; of one step, the one saved last comes last."""
        return sorted((path for path in self.directory.glob("step-*") if _NAME.fullmatch(path.name)), key=_age)

    def _unused(self, name: str) -> Path:
        taken = {path.name for path in self.directory.iterdir()}
        number = 1
        while (unused := name if number == 1 else f"{name}-{number}") in taken:
            number += 1
        return self.directory / unused

    def _clear_left_over(self) -> None:
        for left_over in self.directory.glob(".step-*.tmp"):
            shutil.rmtree(left_over, ignore_errors=True)


def read(path: Path) -> Checkpoint | Damaged:
    """The checkpoint in a directory, its digests verified; or what is wrong with it."""
    try:
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        said = {key: value for key, value in manifest.items() if key != "sha256"}
        if manifest["sha256"] != _digest_of(said):
            return Damaged(path, f"{_MANIFEST} differs from its own digest")
        if manifest["format"] != FORMAT:
            return Damaged(path, f"it has format {manifest['format']}, and this kresnet reads format {FORMAT}")
        for name, expected in manifest["files"].items():
            found = (path / name).stat().st_size
            if found != expected["bytes"]:
                return Damaged(path, f"{name} has {found:,} bytes of {expected['bytes']:,}")
            if digest(path / name) != expected["sha256"]:
                return Damaged(path, f"the digest of {name} differs from its manifest's")
        with np.load(path / _STATE, allow_pickle=False) as arrays:
            return Checkpoint(manifest["step"], {name: arrays[name] for name in arrays.files}, manifest["facts"])
    except FileNotFoundError as error:
        return Damaged(path, f"there is no {Path(error.filename).name} in it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadZipFile, EOFError) as error:
        return Damaged(path, f"it cannot be read ({error})")


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _age(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2] or 1)


def _step(path: Path) -> int:
    return _age(path)[0]


def _remove(path: Path) -> None:
    """Take a checkpoint away at once, then delete it: a kill leaves none that is half deleted."""
    gone = path.with_name(f".{path.name}.gone.tmp")
    shutil.rmtree(gone, ignore_errors=True)
    path.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
