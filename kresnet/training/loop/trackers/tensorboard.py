"""TensorBoard's event files, in the run's own directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from kresnet.files import translate_os_errors
from kresnet.training.loop.event_files import cut_event_files
from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun

#: Measured of the process rather than of the network, and in the history alone.
_NOT_SHOWN = ("images_per_second", "input_wait")


class TensorBoard(RunTracker):
    """Event files in which metrics of epochs are numbered by epoch, and those within a step by step."""

    within_run = True

    def begin(self, run: TrackedRun, known: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a file beside those that are there, which are cut back to the restored step."""
        self._folder = run.directory / "tensorboard"
        self._writer = tf.summary.create_noop_writer()
        self.roll_back(run.step, run.epoch)
        return {}

    def log(self, metrics: Mapping[str, float], step: int, epoch: int | None) -> None:
        """Write metrics, and have them on disk."""
        with self._writer.as_default(step=step if epoch is None else epoch):
            for name, value in metrics.items():
                if name not in _NOT_SHOWN:
                    tf.summary.scalar(name, value)
        with translate_os_errors(self._folder):
            self._writer.flush()

    def roll_back(self, step: int, epoch: int) -> None:
        """Take out what is later than a step, since it comes again."""
        self._writer.close()
        cut_event_files(Path(self._folder), step, epoch)
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def end(self, *, finished: bool) -> None:
        """Close the file."""
        self._writer.close()


__all__ = ["TensorBoard"]
