"""Writes a shard, whole or not at all, with a note beside it of what is in it until the manifest has that."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kresnet.data.preparation.examples import DIGEST_BYTES, PreparedExample
from kresnet.data.prepared.manifest import Shard
from kresnet.data.prepared.shards import WRITER_OPTIONS, ends_digest
from kresnet.errors import Problem
from kresnet.files import digest, staged_file


class _UnreadableExample(Exception):
    """A shard is not to be written."""


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """A whole shard of a preparation that may go on.

    Attributes:
        shard: what the manifest will say of it; None where no example of it is left.
        places: places of its examples in their split, int64 (n,).
        digests: digests of the image files as they were found, uint8 (n, DIGEST_BYTES).
        left_out: messages about examples that cannot be read, by their place in the split.
    """

    shard: Shard | None
    places: np.ndarray
    digests: np.ndarray
    left_out: dict[int, str]


def write_shard(path: Path, examples: Iterable[PreparedExample], stop: list[Problem] | None) -> WrittenShard | None:
    """Write a shard and its note.

    Args:
        path: where it will be.
        examples: what is in it; those that cannot be read are left out.
        stop: None to write the others; else nothing is written where one cannot be read, and problems are added here.

    Returns:
        What was written; None for nothing.

    Raises:
        KresnetError: `disk_full` or `not_writable`.
    """
    from array_record.python.array_record_module import ArrayRecordWriter

    places: list[int] = []
    digests = bytearray()
    left_out: dict[int, str] = {}
    with contextlib.suppress(_UnreadableExample), staged_file(path) as staged:
        writer = ArrayRecordWriter(str(staged), WRITER_OPTIONS)
        for example in examples:
            if example.problem is None:
                writer.write(example.record)
                places.append(example.position)
                digests += example.digest
            else:
                left_out[example.position] = example.problem.message
                if stop is not None:
                    stop.append(example.problem)
        writer.close()
        if stop is not None and left_out:
            raise _UnreadableExample
        written = WrittenShard(
            Shard(path.name, staged.stat().st_size, digest(staged), len(places), ends_digest(staged))
            if places
            else None,
            np.array(places, np.int64),
            np.frombuffer(bytes(digests), np.uint8).reshape(-1, DIGEST_BYTES),
            left_out,
        )
        facts = {"shard": asdict(written.shard) if written.shard else None, "left_out": written.left_out}
        with staged_file(note_path(path)) as staged_note, staged_note.open("wb") as file:
            np.savez(file, places=written.places, digests=written.digests, facts=np.array(json.dumps(facts)))
    return None if stop is not None and left_out else written


def read_note(path: Path) -> WrittenShard | None:
    """Return what was written of a shard; None unless it is whole."""
    try:
        with np.load(note_path(path), allow_pickle=False) as note:
            facts = json.loads(str(note["facts"]))
            shard = Shard(**facts["shard"]) if facts["shard"] else None
            left_out = {int(place): message for place, message in facts["left_out"].items()}
            found = WrittenShard(shard, note["places"], note["digests"], left_out)
        whole = path.is_file() and (shard is None or path.stat().st_size == shard.bytes)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return found if whole else None


def note_path(path: Path) -> Path:
    """Return where the note of a shard lies."""
    return path.with_name(f".{path.stem}.note.npz")


__all__ = ["WrittenShard", "note_path", "read_note", "write_shard"]
