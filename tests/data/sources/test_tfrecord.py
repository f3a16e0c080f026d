"""TFRecord files read by position: against what TensorFlow writes, and with damage planted in them.

https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.sources.tfrecord import DamagedRecord, RecordFile, RecordIndex
from kresnet.errors import KresnetError


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(5):
            writer.write(bytes([number]) * (10 + number))
    return path


def test_sums_are_those_that_tensorflow_writes(records):
    index = RecordIndex([RecordFile(records, 0, 5)])
    assert list(index.read(np.arange(5))) == [bytes([number]) * (10 + number) for number in range(5)]


@pytest.mark.parametrize("at", ["data", "sum"])
def test_a_flipped_bit_is_found_by_the_sum_of_its_record(records, at):
    content = bytearray(records.read_bytes())
    offset, length = RecordIndex([RecordFile(records, 0, 5)])._extents[2]
    content[offset + (3 if at == "data" else length)] ^= 1
    records.write_bytes(content)
    index = RecordIndex([RecordFile(records, 0, 5)])
    assert index.read(np.array([1, 3]))[0] == b"\x01" * 11
    with pytest.raises(DamagedRecord, match="record 2 of"):
        index.read(np.array([2]))


@pytest.mark.parametrize("how", ["cut", "length", "empty"])
def test_what_lies_beyond_the_damage_is_lost(records, how):
    content = bytearray(records.read_bytes())
    offset, _ = RecordIndex([RecordFile(records, 0, 5)])._extents[3]
    if how == "length":
        content[offset - 12] ^= 1
    records.write_bytes(b"" if how == "empty" else content[: offset + 2] if how == "cut" else content)
    with pytest.raises(KresnetError, match=rf"{records} is damaged.*image_unreadable"):
        RecordIndex([RecordFile(records, 0, 5)])
    index = RecordIndex([RecordFile(records, 0, 5)], keep_damaged=True)
    kept = 0 if how == "empty" else 3
    assert len(index) == 5
    assert len(index.read(np.arange(kept))) == kept
    for position in range(kept, 5):
        with pytest.raises(DamagedRecord, match="is lost"):
            index.read(np.array([position]))
