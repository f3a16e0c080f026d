"""Runs that others write, looked at again and again: by their files alone, without a lock and without writing.

The times and sizes of a few files tell what has changed, since a shared disk sends no notice of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from kresnet.errors import KresnetError, Problem, make_error
from kresnet.report.run_data import EvaluateRun, RunData, gather_opened_run, run_labels
from kresnet.runs.lock import names_writer
from kresnet.runs.run_directory import RunDirectory

#: Files of a run whose change is seen, and those that say what the run is.
_DOCUMENTS = ("spec.yaml", "recipe.yaml", "data.json", "transfer.json")
_FILES = (
    *_DOCUMENTS,
    *("history.jsonl", "lock", "ended.json", "changes.txt", "extension.json"),
    *("result.json", "model.keras", "best.keras", "checkpoints"),
)
#: Files that a run under way writes every few seconds, between two epochs.
_LIVE_FILES = ("progress.json", "log.txt")

#: Seconds between two searches for new runs in a folder.
SEARCH_SECONDS = 5.0
#: Seconds between two looks at the files of runs that are watched.
LOOK_SECONDS = 1.0
#: Runs that are shown at most: of more, those that were written last.
MOST_RUNS = 24

_Stamp = tuple[tuple[int, int] | None, ...]


class Change(IntEnum):
    """How much has changed between two looks: nothing, how far runs are between two epochs, or anything of a run."""

    NOTHING = 0
    PROGRESS = 1
    RUNS = 2


@dataclass
class _Watched:
    """A run, and what its files were like when it was gathered."""

    opened: RunDirectory
    documents: _Stamp = ()
    stamp: tuple[object, ...] = ()
    live_stamp: tuple[object, ...] = ()
    data: RunData | None = None
    problem: Problem | None = None


class WatchedRuns:
    """The runs of some places, as they are now.

    Args:
        places: directories of runs, or folders with runs in them.
        evaluate: as `gather_run_data` takes it; it is asked again whenever the run's files change.
        clock: tells the time in seconds, for when to search again.

    Attributes:
        runs: all that a page shows of each run that can be read, by their places and names.
        problems: by the label of a run that cannot be read, why.
        gone: labels of runs that were there and are not any more.
        left_out: number of runs that are not shown, since there are too many.

    Raises:
        KresnetError: `file_missing` for a place that is no directory; `bad_option` for one that is named twice.
    """

    def __init__(
        self,
        places: Sequence[Path],
        evaluate: EvaluateRun | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for place in places:
            if not place.is_dir():
                remedy = "kresnet watch RUN, or a folder of runs: kresnet watch runs"
                raise make_error("file_missing", f"There is no folder {place}.", remedy=remedy)
        run_labels(places)
        self._places, self._evaluate, self._clock = list(places), evaluate, clock
        self._watched: dict[Path, _Watched] = {}
        self._searched = -SEARCH_SECONDS
        self._stale: set[Path] = set()
        self.runs: tuple[RunData, ...] = ()
        self.problems: dict[str, Problem] = {}
        self.gone: tuple[str, ...] = ()
        self.left_out = 0

    @property
    def places(self) -> tuple[Path, ...]:
        """The places that are watched."""
        return tuple(self._places)

    def gather_again(self, directory: Path) -> None:
        """Have a run gathered at the next look though its files are as they were."""
        self._stale.add(directory)

    def look(self) -> Change:
        """Look at all files again, and gather the runs that have changed; tell how much did."""
        changes = [self._search(), *(self._look_at(*each) for each in self._watched.items())]
        if changed := max(changes):
            found = {self._label(directory): each for directory, each in self._watched.items()}
            self.runs = tuple(each.data for each in found.values() if each.data)
            self.problems = {label: each.problem for label, each in found.items() if each.problem}
        return changed

    def _search(self) -> Change:
        """Find the runs that are there now; tell whether they are others than before."""
        now = self._clock()
        vanished = [path for path in self._watched if not (path / "recipe.yaml").is_file()]
        if now - self._searched < SEARCH_SECONDS and not vanished:
            return Change.NOTHING
        self._searched = now
        found = [path for place in self._places for path in find_runs(place)]
        self.left_out = max(len(found) - MOST_RUNS, 0)
        if self.left_out:
            newest = set(sorted(found, key=_last_written)[self.left_out :])
            found = [path for path in found if path in newest]
        before, gone = list(self._watched), [self._label(path) for path in vanished if path not in found]
        self._watched = {path: self._watched.get(path) or _Watched(RunDirectory(path)) for path in found}
        back = {self._label(path) for path in found}
        self.gone = tuple(dict.fromkeys(label for label in (*self.gone, *gone) if label not in back))
        return Change.RUNS if list(self._watched) != before or gone else Change.NOTHING

    def _label(self, directory: Path) -> str:
        """Return the name of a run: its path within the folder that is watched, or what `run_labels` calls it."""
        if directory in self._places:
            return run_labels(self._places)[self._places.index(directory)]
        place = next(place for place in self._places if place in directory.parents)
        within = str(directory.relative_to(place))
        return within if len(self._places) == 1 else f"{run_labels(self._places)[self._places.index(place)]}/{within}"

    def _look_at(self, directory: Path, watched: _Watched) -> Change:
        documents = _stamp(directory, _DOCUMENTS)
        stamp = (_stamp(directory, _FILES), names_writer(directory))
        live = (_stamp(directory, _LIVE_FILES), bool(watched.data and watched.data.is_silent()))
        if stamp == watched.stamp and directory not in self._stale:
            if live == watched.live_stamp or not watched.data:
                return Change.NOTHING
            watched.live_stamp, watched.data = live, watched.data.with_live_files()
            return Change.PROGRESS
        self._stale.discard(directory)
        if documents != watched.documents:  # read and planned again only then
            watched.opened, watched.documents = RunDirectory(directory), documents
        watched.stamp, watched.live_stamp = stamp, live
        try:
            RunDirectory.open(directory)
            watched.data = gather_opened_run(watched.opened, self._label(directory), self._evaluate, try_lock=False)
            watched.problem = None
        except KresnetError as error:
            watched.data, watched.problem = None, error.problems[0]
        except (
            OSError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:  # deleted while it was read, damaged
            message = f"{directory} cannot be read as a run: {type(error).__name__}: {error}."
            watched.data, watched.problem = None, Problem("run_missing", message)
        return Change.RUNS


def find_runs(place: Path) -> Iterator[Path]:
    """Yield the run that a directory is, or the runs within it, by name; what is inside a run is not searched."""
    for folder, subfolders, files in os.walk(place):
        if "recipe.yaml" in files and "data.json" in files:
            subfolders.clear()
            yield Path(folder)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))


def _stamp(directory: Path, names: Sequence[str]) -> _Stamp:
    """Return the time of change and the size of each file, None where there is none."""
    found: list[tuple[int, int] | None] = []
    for name in names:
        try:
            status = (directory / name).stat()
            found.append((status.st_mtime_ns, status.st_size))
        except OSError:
            found.append(None)
    return tuple(found)


def _last_written(directory: Path) -> float:
    return max((mark[0] for mark in _stamp(directory, (*_FILES, *_LIVE_FILES)) if mark), default=0)


__all__ = ["LOOK_SECONDS", "MOST_RUNS", "SEARCH_SECONDS", "Change", "WatchedRuns", "find_runs"]
