"""The examples that are prepared: each checked, perhaps made smaller, and turned into a record."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import tensorflow as tf
from PIL import Image

from kresnet.cores import usable_cores
from kresnet.data.decoding import decode_pixels
from kresnet.data.image_limits import require_pixel_limit
from kresnet.data.preparation.shrink import shrink_image
from kresnet.data.prepared.records import write_record
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import UNREADABLE, Split
from kresnet.errors import Problem
from kresnet.spec.inputs import Input

#: Bytes of the digest of an image file.
DIGEST_BYTES = 16
#: Examples that are in memory at once, for each core.
_AHEAD = 16


@dataclass(frozen=True, slots=True)
class PreparedExample:
    """What became of an example.

    Attributes:
        position: its place in its split.
        record: what is stored; nothing of an example that cannot be read.
        digest: digest of the image file as it was found, `DIGEST_BYTES` long.
        problem: why it cannot be read.
    """

    position: int
    record: bytes = b""
    digest: bytes = b""
    problem: Problem | None = None


class ExampleMaker:
    """Makes records of a split's examples, several at a time, in their order."""

    def __init__(self, split: Split, kind: str, shorter_side: int | None, quality: int) -> None:
        """Take the split, the kind of its targets, and how images are made smaller; None to leave them."""
        self._split, self._kind, self._shorter_side, self._quality = split, kind, shorter_side, quality
        self._positions, self._targets = split.positions, split.targets()

    def make(self, places: np.ndarray) -> Iterator[PreparedExample]:
        """Yield what becomes of the examples at `places` of the split."""
        threads = len(usable_cores())
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(places), _AHEAD * threads):
                yield from pool.map(self._make, places[start : start + _AHEAD * threads].tolist())

    def digests(self, places: np.ndarray) -> Iterator[bytes]:
        """Yield digests of the image files at `places` of the split; of one that cannot be read, nothing."""
        threads = len(usable_cores())
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(places), _AHEAD * threads):
                files = pool.map(self.image_file, places[start : start + _AHEAD * threads].tolist())
                yield from (image_digest(file) if file else b"" for file in files)

    def image_file(self, place: int) -> bytes | None:
        """Return the image file of an example, of pixels in memory a PNG; None where it cannot be read."""
        position = int(self._positions[place])
        if isinstance(self._split.source, ArraySource):
            return _as_png(self._split.source.inputs(np.array([position]))[0])
        return self._split.source.encoded(position)

    def _make(self, place: int) -> PreparedExample:
        encoded = self.image_file(place)
        if encoded is None or not is_readable(encoded):
            return PreparedExample(place, problem=self._split.source.explain(int(self._positions[place])))
        name = self._split.example_name(place)
        stored = shrink_image(encoded, self._shorter_side, self._quality) if self._shorter_side else encoded
        record = write_record(stored, name, self._targets[place], self._kind)
        return PreparedExample(place, record, image_digest(encoded))


def is_readable(encoded: bytes) -> bool:
    """Return whether an image file can be decoded as a run decodes it."""
    try:
        with tf.device("CPU:0"):
            _decoder()(tf.constant(encoded))
    except UNREADABLE:
        return False
    return True


@cache
def _decoder() -> Callable[[tf.Tensor], tf.Tensor]:
    """Return what decodes an image at its own size, traced once."""
    colour = Input(shape=(1, 1, 3))
    signature = [tf.TensorSpec((), tf.string)]
    return tf.function(
        lambda encoded: decode_pixels(require_pixel_limit(encoded), colour), input_signature=signature, autograph=False
    )


def image_digest(encoded: bytes) -> bytes:
    """Return a digest of an image file."""
    return hashlib.blake2b(encoded, digest_size=DIGEST_BYTES).digest()


def _as_png(pixels: np.ndarray) -> bytes:
    """Return pixels, uint8 (h, w, 1 or 3), as a PNG, which keeps them to the bit."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


__all__ = ["DIGEST_BYTES", "ExampleMaker", "PreparedExample", "image_digest", "is_readable"]
