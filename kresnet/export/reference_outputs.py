"""Golden rows: inputs, and what the network answers to them in Keras, kept with the export to hold the server to.

An image is first encoded as a file and its pixels are those that evaluation's own decoding gives back, so that the same
rows can be sent to the tensor and to the bytes signature and must be answered alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.errors import make_error
from kresnet.export.contract import takes_encoded_images
from kresnet.spec.architecture import Classifier, Spec

#: As many rows as fit in a mebibyte, within these bounds: 32 small images, 6 of 224x224x3.
MAX_BYTES, FEWEST, MOST = 2**20, 4, 32

#: Where rows come from that are not real ones.
RANDOM = "random numbers"


@dataclass(frozen=True, slots=True)
class ReferenceOutputs:
    """Rows that a server must answer as the network does in Keras.

    Attributes:
        rows: uint8 `(K, H, W, C)` or float32 `(K, D)`.
        encoded: image files that evaluation decodes to the rows: each as PNG, then the first in many other formats;
            empty where the network takes no image files.
        kinds: what kind of file each is, in words.
        outputs: float32, one row each, by output name; a classifier's are `logits`, `probabilities` and `features`.
    """

    rows: np.ndarray
    encoded: tuple[bytes, ...]
    kinds: tuple[str, ...]
    outputs: dict[str, np.ndarray]

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        arrays: dict[str, Any] = {"rows": self.rows, "kinds": np.array(self.kinds, np.str_)}
        arrays |= {f"encoded/{index:02}": np.frombuffer(data, np.uint8) for index, data in enumerate(self.encoded)}
        arrays |= {f"outputs/{name}": values for name, values in self.outputs.items()}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> ReferenceOutputs:
        """Read from the file that `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            encoded = tuple(file[key].tobytes() for key in sorted(file.files) if key.startswith("encoded/"))
            outputs = {key.partition("/")[2]: file[key] for key in file.files if key.startswith("outputs/")}
            return cls(file["rows"], encoded, tuple(file["kinds"].tolist()), outputs)


@dataclass(frozen=True, slots=True)
class ReferenceInputs:
    """Golden rows without their outputs; attributes as `Golden`'s."""

    rows: np.ndarray
    encoded: tuple[bytes, ...] = ()
    kinds: tuple[str, ...] = ()


def reference_inputs(spec: Spec, images: Sequence[np.ndarray] | np.ndarray | None) -> ReferenceInputs:
    """The rows to ask a network for, and the same as files where it takes files.

    Args:
        spec: the network.
        images: real inputs, the more varied the better: images `(H, W, C)` or `(H, W)` of values 0-255, of any sizes
            where the network takes image files; vectors `(D,)`. `None`: random ones, from a fixed seed.

    Raises:
        KresnetError: `data_mismatch`, where the images are not what the network takes.
    """
    size = int(np.prod(spec.input.shape)) * (1 if spec.input.is_image else 4)
    count = min(max(MAX_BYTES // size, FEWEST), MOST)
    given = _random(spec, count) if images is None else list(images[:count])
    if not given:
        raise make_error("data_mismatch", "There is no image to compare the export's answers on.")
    if takes_encoded_images(spec):
        return _image_rows(given, spec)
    if wrong := sorted({values.shape for values in given} - {spec.input.shape}):
        sizes = {"expected": str(spec.input.shape), "found": ", ".join(map(str, wrong))}
        raise make_error("data_mismatch", "The inputs are not of the network's shape.", **sizes)
    return ReferenceInputs(np.stack(given).astype(np.uint8 if spec.input.is_image else np.float32))


def reference_outputs(answers: dict[str, np.ndarray], spec: Spec) -> dict[str, np.ndarray]:
    """What a server must answer where the network's own outputs are `answers`."""
    if not isinstance(spec.head, Classifier):
        return answers
    return answers | {"probabilities": probabilities(answers["logits"], spec.head.multi_label)}


def difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """The largest difference of two answers, over the larger of 1 and the largest magnitude of the first."""
    return float(np.abs(actual - expected).max() / max(1.0, np.abs(expected).max()))


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


def _image_rows(given: list[np.ndarray], spec: Spec) -> ReferenceInputs:
    import tensorflow as tf

    from kresnet.data.images import decode
    from kresnet.export.image_files import every_kind

    pixels = [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in given]
    channelled = [image[..., np.newaxis] if image.ndim == 2 else image for image in pixels]
    files = [("PNG", tf.io.encode_png(image).numpy()) for image in channelled]
    files += every_kind(channelled[0])
    rows = [decode(tf.constant(data), spec.input).numpy() for _, data in files]
    return ReferenceInputs(np.stack(rows), tuple(data for _, data in files), tuple(kind for kind, _ in files))
