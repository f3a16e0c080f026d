"""Golden rows: inputs, and what the trained model answered to them, kept with the export to hold the server to.

An image is first encoded as PNG and its pixels are those that evaluation's own decoding gives back, so that the same
rows can be sent to the tensor and to the bytes signature and must be answered alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.errors import fail
from kresnet.export.contract import takes_encoded_images
from kresnet.spec.architecture import Classifier, Spec

if TYPE_CHECKING:
    import keras

#: As many rows as fit in a mebibyte, within these bounds: 32 small images, 6 of 224x224x3.
MAX_BYTES, FEWEST, MOST = 2**20, 4, 32


@dataclass(frozen=True, slots=True)
class Golden:
    """Rows that a server must answer as the trained model did.

    Attributes:
        rows: uint8 `(K, H, W, C)` or float32 `(K, D)`.
        encoded: the same rows as PNG; empty where the network takes no image files.
        outputs: float32, one row each, by output name.
    """

    rows: np.ndarray
    encoded: tuple[bytes, ...]
    outputs: dict[str, np.ndarray]

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        arrays: dict[str, Any] = {"rows": self.rows}
        arrays |= {f"encoded/{index:02}": np.frombuffer(data, np.uint8) for index, data in enumerate(self.encoded)}
        arrays |= {f"outputs/{name}": values for name, values in self.outputs.items()}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Golden:
        """Read from the file that `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            encoded = tuple(file[key].tobytes() for key in sorted(file.files) if key.startswith("encoded/"))
            outputs = {key.partition("/")[2]: file[key] for key in file.files if key.startswith("outputs/")}
            return cls(file["rows"], encoded, outputs)


def make_golden(model: keras.Model, spec: Spec, images: Sequence[np.ndarray] | np.ndarray | None) -> Golden:
    """Ask the trained model, in inference on the CPU, for what the proof shall find again.

    Args:
        model: the trained model.
        spec: its network.
        images: real inputs, the more varied the better: images `(H, W, C)` or `(H, W)` of values 0-255, of any sizes
            where the network takes image files; vectors `(D,)`. `None`: random ones, from a fixed seed.

    Raises:
        KresnetError: `data_mismatch`, where the images are not what the network takes.
    """
    import tensorflow as tf

    from kresnet.export.signatures import named

    size = int(np.prod(spec.input.shape)) * (1 if spec.input.is_image else 4)
    count = min(max(MAX_BYTES // size, FEWEST), MOST)
    given = _random(spec, count) if images is None else list(images[:count])
    rows, encoded = _rows(given, spec)
    with tf.device("CPU:0"):  # what the proof runs on: a GPU's convolutions may round to TF32
        outputs = named(model, model(tf.constant(rows, tf.float32), training=False))
    values = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
    if isinstance(spec.head, Classifier):
        [logits] = values.values()
        values = {"logits": logits, "probabilities": probabilities(logits, spec.head.multi_label)}
    return Golden(rows, encoded, values)


def probabilities(logits: np.ndarray, multi_label: bool) -> np.ndarray:
    """Softmax over the classes, or a sigmoid for each, in float64 and rounded: `(K, classes)`."""
    wide = logits.astype(np.float64)
    if multi_label:
        return (0.5 * (1 + np.tanh(wide / 2))).astype(np.float32)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def _random(spec: Spec, count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    if spec.input.is_image:
        return list(generator.integers(0, 256, (count, *spec.input.shape), np.uint8))
    return list(generator.standard_normal((count, *spec.input.shape), np.float32))


def _rows(given: list[np.ndarray], spec: Spec) -> tuple[np.ndarray, tuple[bytes, ...]]:
    """The rows as the model takes them, and as PNG where it takes files."""
    if not given:
        raise fail("data_mismatch", "There is no image to compare the export's answers on.")
    if not takes_encoded_images(spec):
        if wrong := sorted({values.shape for values in given} - {spec.input.shape}):
            sizes = {"expected": str(spec.input.shape), "found": ", ".join(map(str, wrong))}
            raise fail("data_mismatch", "The inputs are not of the network's shape.", **sizes)
        return np.stack(given).astype(np.uint8 if spec.input.is_image else np.float32), ()
    import tensorflow as tf

    from kresnet.data.images import decode

    pixels = [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in given]
    channelled = [image[..., np.newaxis] if image.ndim == 2 else image for image in pixels]
    encoded = tuple(tf.io.encode_png(image).numpy() for image in channelled)
    return np.stack([decode(tf.constant(data), spec.input).numpy() for data in encoded]), encoded
