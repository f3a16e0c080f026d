"""The files that a run writes while it trains: history, networks, result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kresnet.files import staged_file
from kresnet.graph import build_model
from kresnet.graph.stock import save_stock
from kresnet.plan import Plan
from kresnet.process_memory import resident_memory
from kresnet.runs.activation_ranges import write_activation_ranges
from kresnet.runs.live_progress import ProgressFile
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory


class RunWriter:
    """Writes a run's directory in the chief, which holds its lock; in other workers every method writes nothing.

    Each write makes sure first that the lock is still held.

    Attributes:
        directory: the run's directory; another worker may have none.
        writes: whether this process writes.
    """

    def __init__(self, directory: RunDirectory, plan: Plan, lock: RunLock | None) -> None:
        self.directory, self._plan, self._lock = directory, plan, lock
        self.writes = lock is not None
        self._stock: keras.Model | None = None
        self._progress = ProgressFile(directory.progress)

    def require_lock(self) -> None:
        """Make sure that the run's directory is still the one that this process locked.

        Raises:
            KresnetError: `run_missing`.
        """
        if self._lock:
            self._lock.require_held()

    def append_history(self, line: Mapping[str, Any]) -> None:
        """Add a line to the run's history."""
        if self.writes:
            self.require_lock()
            self.directory.history.append(dict(line))

    def begin_progress(self, step: int) -> None:
        """Take note that this process begins after `step` updates."""
        if self.writes:
            self._progress.begin(step)

    def write_progress(
        self, step: int, steps: tuple[int, int], metrics: Mapping[str, float], pace: tuple[float, float]
    ) -> None:
        """Tell who watches the run how far it is, every few seconds; arguments are those of `ProgressFile.write`."""
        if self.writes and self._progress.due:
            self._progress.write(step, steps, metrics, pace, resident_memory())

    def drop_after(self, step: int, epoch: int) -> None:
        """Take out of the history what a restored checkpoint does not know of; it comes again.

        Args:
            step: number of updates made.
            epoch: number of epochs that have ended, with their evaluation.
        """
        if self.writes:
            self.directory.history.truncate(step, epoch)

    def write_model(
        self, path: Path, network: keras.Model, ranges: Mapping[str, tuple[float, float]] | None = None
    ) -> None:
        """Write the network to `path`, as a `.keras` file of stock layers in float32, whole or not at all.

        Every worker must call this and reads the weights, since some are means over all replicas.

        Args:
            path: the file.
            network: the network.
            ranges: of its activations, where it was trained for integers; they are kept beside it.

        Raises:
            KresnetError: `disk_full` or `not_writable`.
        """
        weights = [weight.numpy() for weight in network.weights]
        if not self.writes:
            return
        self.require_lock()
        if self._stock is None:  # kept, as some runs write a network an epoch; where a GPU's memory is not taken
            with keras.device("cpu:0"):
                self._stock = build_model(self._plan, stock=True)
        self._stock.set_weights(weights)
        with staged_file(path) as staged:
            save_stock(self._stock, staged)
        if ranges:
            write_activation_ranges(path, ranges)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write `result.json`, which makes the run a finished one."""
        if self.writes:
            self.directory.write_result(result)
