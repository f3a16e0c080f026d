"""Version folders: how a new one appears where a server looks for it, whole or not at all.

A server polls `MODELS_DIR/NAME` and loads whatever folder has an integer for a name; nothing there tells it that a
folder is complete. A version is therefore written to a hidden sibling and renamed. A kill leaves that sibling, which
no server reads and the next export removes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kresnet.errors import KresnetError, make_error
from kresnet.files import flush, translate_os_errors

STAGING_PREFIX = ".export-"


@dataclass(slots=True)
class StagedVersion:
    """A hidden folder to write a new version to, until it is published.

    Attributes:
        base: folder of the model, `MODELS_DIR/NAME`.
        version: number of the version that it will become.
        directory: the hidden folder itself, on the same file system as `base`.
    """

    base: Path
    version: int
    directory: Path

    def publish(self) -> Path:
        """Flush to the disk and rename to `base/version`, in one step that a server sees whole.

        Raises:
            KresnetError: `output_exists`, where something took the name meanwhile; `disk_full`, `not_writable`.
        """
        target = self.base / str(self.version)
        with translate_os_errors(self.base):
            for path in (*self.directory.rglob("*"), self.directory):
                flush(path)
            if target.exists():
                raise _version_exists_error(target)
            self.directory.rename(target)
            flush(self.base)
        return target


@contextmanager
def stage_version(base: Path, version: int | None) -> Iterator[StagedVersion]:
    """Yield a hidden folder for the next free version of `base`, or for `version`; it is removed unless published.

    Exports into one `base` take turns, by a lock on the folder that ends with the process that holds it.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `disk_full`, `not_writable`.
    """
    if version is not None and not 1 <= version < 2**63:
        raise make_error(
            "bad_option", f"{version} cannot be a version.", expected="an integer from 1", found=str(version)
        )
    with ExitStack() as leaving:
        with translate_os_errors(base):
            leaving.callback(_remove_empty, [path for path in (base, *base.parents) if not path.exists()])
            base.mkdir(parents=True, exist_ok=True)
            leaving.enter_context(_hold_lock(base))
            for stale in base.glob(f"{STAGING_PREFIX}*"):
                shutil.rmtree(stale, ignore_errors=True)
            number = _choose_number(base, version)
            directory = base / f"{STAGING_PREFIX}{uuid.uuid4().hex}"
            leaving.callback(shutil.rmtree, directory, ignore_errors=True)
            directory.mkdir(parents=True)  # an export that failed beside us may just have removed an empty base
        yield StagedVersion(base, number, directory)


def list_versions(base: Path) -> dict[int, Path]:
    """Return the version folders of `base` by number, as a server reads them: every entry whose name is an integer."""
    return {int(path.name): path for path in base.iterdir() if re.fullmatch("[0-9]+", path.name)}


def find_export(path: Path) -> Path | None:
    """Return the version folder that a path names: one itself, or the newest below a model's folder; else None."""
    if not path.is_dir():
        return None
    if (path / "saved_model.pb").is_file():
        return path
    versions = {number: each for number, each in list_versions(path).items() if (each / "saved_model.pb").is_file()}
    return versions[max(versions)] if versions else None


def _choose_number(base: Path, version: int | None) -> int:
    taken = list_versions(base)
    if version is None:
        return max(taken, default=0) + 1
    if version in taken:
        raise _version_exists_error(taken[version])
    return version


def _version_exists_error(target: Path) -> KresnetError:
    message = f"{target} exists, and a server would not notice that an existing version was overwritten."
    return make_error("output_exists", message, remedy="leave --version out to take the next free one")


def _remove_empty(made: list[Path]) -> None:
    """Remove the folders that this export made, the deepest first, up to one that holds something."""
    with suppress(OSError):
        for path in made:
            path.rmdir()


@contextmanager
def _hold_lock(base: Path) -> Iterator[None]:
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
