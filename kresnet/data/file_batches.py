"""Batches of image files of which some may be unreadable, decoded ahead and in parallel as evaluation does."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import tensorflow as tf

from kresnet.data.graph_mapping import map_graph
from kresnet.data.image_limits import require_pixel_limit
from kresnet.data.images import decode, read_image
from kresnet.data.pipeline import PARALLEL_BATCHES, prefetch_batches
from kresnet.data.resampling import fastest_resampler
from kresnet.data.splits import UNREADABLE
from kresnet.errors import KresnetError, Problem
from kresnet.spec.inputs import Input


@dataclass(frozen=True, slots=True)
class FileBatch:
    """Some image files, and what they hold.

    Attributes:
        paths: the files, `n` of them.
        images: uint8 `(n, H, W, C)`, as the network takes them; zeros for an unreadable file.
        problems: why a file is unreadable, by its place in the batch.
    """

    paths: tuple[str, ...]
    images: np.ndarray
    problems: dict[int, Problem] = field(default_factory=dict)


def read_files(paths: tf.Tensor, input: Input) -> tf.Tensor:
    """Read and decode files, string `(B,)`, to what the network takes, uint8 `(B, H, W, C)`; graph code."""
    resample = fastest_resampler(input.shape)
    return tf.map_fn(
        lambda path: decode(require_pixel_limit(tf.io.read_file(path)), input, resample),
        paths,
        fn_output_signature=tf.TensorSpec(input.shape, tf.uint8),
        parallel_iterations=os.cpu_count(),
    )


def file_batches(paths: Iterable[str], input: Input, batch_size: int) -> Iterator[FileBatch]:
    """Yield image files in their order, decoded; no more than a few batches are in memory at a time.

    Args:
        paths: the files; read as they are needed.
        input: the spec's input; gives shape and resize rule.
        batch_size: files of a batch; the last may have fewer.

    Raises:
        KresnetError: `data_mismatch` if the network takes no images, and what iterating `paths` raises.
    """
    waiting: deque[tuple[str, ...]] = deque()
    failures: list[Exception] = []

    def generate() -> Iterator[list[bytes]]:
        try:
            remaining = iter(paths)
            while batch := tuple(islice(remaining, batch_size)):
                waiting.append(batch)
                yield [os.fsencode(path) for path in batch]
        except Exception as error:  # TensorFlow would make one of its own of it
            failures.append(error)

    named = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((None,), tf.string))
    images = iter(prefetch_batches(map_graph(named, lambda batch: read_files(batch, input), PARALLEL_BATCHES)))
    while True:
        try:
            pixels = next(images).numpy()
        except StopIteration:
            break
        except UNREADABLE:  # after an error, the iterator goes on with the next batch
            yield _read_one_by_one(waiting.popleft(), input)
        else:
            yield FileBatch(waiting.popleft(), pixels)
    if failures:
        raise failures[0]


def _read_one_by_one(paths: tuple[str, ...], input: Input) -> FileBatch:
    """Read the files of a batch that has an unreadable one among them."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(lambda path: _read_or_explain(path, input), paths))
    images = [np.zeros(input.shape, np.uint8) if isinstance(one, Problem) else one for one in found]
    return FileBatch(paths, np.stack(images), {at: one for at, one in enumerate(found) if isinstance(one, Problem)})


def _read_or_explain(path: str, input: Input) -> np.ndarray | Problem:
    try:
        return read_image(path, input)
    except KresnetError as error:
        return error.problems[0]


__all__ = ["FileBatch", "file_batches", "read_files"]
