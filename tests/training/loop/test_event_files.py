"""TensorBoard's files hold each step and each epoch once, whatever came before the resumption."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kresnet.training.loop.event_files import STEP_TAGS, cut_event_files


def write_events(folder: Path, steps: list[int], epochs: list[int]) -> Path:
    """Write a file of values by step and by epoch, and return its path."""
    before = set(folder.glob("*"))
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=0):
        for step in steps:
            tf.summary.scalar(f"{STEP_TAGS}delta/stage1", float(step), step=step)
        for epoch in epochs:
            tf.summary.scalar("test/loss", float(epoch), step=epoch)
    writer.close()
    (path,) = set(folder.glob("*")) - before
    return path


def read_events(folder: Path) -> dict[str, list[int]]:
    """Return the steps of each tag, in order: of two files of one second, TensorBoard may read the later one first."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return {tag: sorted(event.step for event in events.Tensors(tag)) for tag in events.Tags()["tensors"]}


def test_what_is_later_than_the_checkpoint_goes_by_step_or_by_epoch(tmp_path):
    write_events(tmp_path, steps=[1, 4, 7, 10], epochs=[1, 2])
    cut_event_files(tmp_path, step=8, epoch=1)
    assert read_events(tmp_path) == {f"{STEP_TAGS}delta/stage1": [1, 4, 7], "test/loss": [1]}
    write_events(tmp_path, steps=[10], epochs=[2])
    assert read_events(tmp_path) == {f"{STEP_TAGS}delta/stage1": [1, 4, 7, 10], "test/loss": [1, 2]}
    assert not list(tmp_path.glob(".*"))


def test_a_file_without_anything_later_is_left_as_it_is_and_one_without_anything_else_is_removed(tmp_path):
    early = write_events(tmp_path, steps=[1], epochs=[])
    late = write_events(tmp_path, steps=[9], epochs=[2])
    before = early.stat()
    cut_event_files(tmp_path, step=8, epoch=1)
    assert (early.stat().st_ino, early.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not late.exists()


@pytest.mark.parametrize("lost", [1, 20])
def test_what_a_kill_cut_short_is_removed(tmp_path, lost):
    path = write_events(tmp_path, steps=[1, 4], epochs=[])
    path.write_bytes(path.read_bytes()[:-lost])
    cut_event_files(tmp_path, step=8, epoch=1)
    assert read_events(tmp_path) == {f"{STEP_TAGS}delta/stage1": [1]}
    assert len(list(tf.data.TFRecordDataset(str(path)))) == 2  # the file's version, and the value


def test_a_folder_that_is_not_there_is_none(tmp_path):
    cut_event_files(tmp_path / "tensorboard", step=0, epoch=0)
    assert not list(tmp_path.iterdir())
