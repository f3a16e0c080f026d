"""TensorBoard's event files cut back to a restored checkpoint, so that each step is in them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.util.event_pb2 import Event

from kresnet.files import flush, translate_os_errors

#: What the tags begin with whose values are numbered by step; all others are numbered by epoch.
STEP_TAGS = "gradients/"

#: TensorBoard reads every file whose name contains `tfevents`: a file that is being written must not be one of them.
_STAGED = ".cut.tmp"

#: Of a record of a TFRecord file, beside its content: its length and two checksums.
_FRAME_BYTES = 8 + 4 + 4


def cut_event_files(folder: Path, step: int, epoch: int) -> None:
    """Take out of TensorBoard's files what is later than a restored checkpoint, and what a kill cut short.

    A file that holds nothing of that is left untouched; one of which nothing remains is removed.

    Args:
        folder: the folder of the event files; it may be missing.
        step: number of updates made.
        epoch: number of epochs that have ended.

    Raises:
        KresnetError: `not_writable` or `disk_full`; then the file is as it was.
    """
    for path in sorted(folder.glob("*tfevents*")):
        with translate_os_errors(path):
            _cut(path, step, epoch)


def _cut(path: Path, step: int, epoch: int) -> None:
    kept, holds_values = [], False
    for record in _whole_records(path):
        event = Event.FromString(record)
        if values := event.summary.value:
            early = [value for value in values if event.step <= (step if value.tag.startswith(STEP_TAGS) else epoch)]
            if not early:
                continue
            holds_values = True
            if len(early) < len(values):
                del event.summary.value[:]
                event.summary.value.extend(early)
                record = event.SerializeToString()
        kept.append(record)
    if not holds_values:
        path.unlink()
    elif sum(_FRAME_BYTES + len(record) for record in kept) != path.stat().st_size:
        staged = path.with_name(_STAGED)
        with tf.io.TFRecordWriter(str(staged)) as writer:
            for record in kept:
                writer.write(record)
        flush(staged)
        staged.replace(path)
    flush(path.parent)


def _whole_records(path: Path) -> Iterator[bytes]:
    """Yield the records of an event file up to the first that is not whole."""
    records = tf.data.TFRecordDataset(str(path), buffer_size=1 << 18).as_numpy_iterator()
    while True:
        try:
            yield next(records)
        except (StopIteration, tf.errors.DataLossError):
            return
