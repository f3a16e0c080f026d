"""A class-balanced part of Fashion-MNIST (MIT licence, © 2017 Zalando SE; see LICENSE here).

The file is a plain `.npz` inside xz, which is a seventh smaller than `.npz`'s own compression.
tests/data/make_embedded.py makes it.
"""

from __future__ import annotations

import functools
import io
import lzma
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("fashion_mnist.npz.xz")

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def read_embedded() -> dict[str, np.ndarray]:
    """Return `train_images` and `test_images`, uint8 (N, 28, 28, 1), `train_labels` and `test_labels`, uint8 (N,).

    Classes take turns, so that any prefix is as balanced as it can be. The arrays cannot be written to: they are
    decompressed once in a process.
    """
    return dict(_arrays())


@functools.cache
def _arrays() -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(lzma.decompress(FILE.read_bytes())), allow_pickle=False) as stored:
        arrays = dict(stored)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays
