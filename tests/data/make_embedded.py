"""Make the embedded data: `python -m tests.data.make_embedded DATA_DIR`.

DATA_DIR holds `fashion_mnist` as TensorFlow Datasets prepares it. Of every class the first images of
each split are taken, in the order of the prepared files.
"""

from __future__ import annotations

import argparse
import io
import lzma
from pathlib import Path

import numpy as np

from kresnet.data.embedded import CLASS_NAMES, FILE

#: Images of each class. Together they take 3.8 MB; the package may grow by 4 MB for them.
PER_CLASS = {"train": 900, "test": 100}


def select(images: np.ndarray, labels: np.ndarray, per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `per_class` images of every class, classes taking turns.

    Args:
        images: uint8 (N, 28, 28, 1).
        labels: integers (N,), each below `len(CLASS_NAMES)`.
        per_class: how many of each class.

    Returns:
        images uint8 (per_class * classes, 28, 28, 1) and labels uint8 (per_class * classes,).
    """
    first = [np.flatnonzero(labels == label)[:per_class] for label in range(len(CLASS_NAMES))]
    chosen = np.stack(first, axis=1).reshape(-1)
    return images[chosen], labels[chosen].astype(np.uint8)


def make(data_dir: str) -> bytes:
    """The contents of the embedded file, from the Fashion-MNIST prepared in `data_dir`."""
    import tensorflow_datasets as tfds

    arrays: dict[str, np.ndarray] = {}
    for split, per_class in PER_CLASS.items():
        examples = tfds.load("fashion_mnist", split=split, data_dir=data_dir, download=False, batch_size=-1)
        images, labels = select(examples["image"].numpy(), examples["label"].numpy(), per_class)
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    plain = io.BytesIO()
    np.savez(plain, **arrays)  # type: ignore[arg-type]
    return lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Write the file that `kresnet.data.embedded` reads."""
    parser = argparse.ArgumentParser(description="Make kresnet's embedded data.")
    parser.add_argument("data_dir", type=Path, help="folder of data sets prepared by TensorFlow Datasets")
    contents = make(str(parser.parse_args().data_dir))
    FILE.write_bytes(contents)
    print(f"{FILE}: {len(contents):,} bytes")


if __name__ == "__main__":
    main()
