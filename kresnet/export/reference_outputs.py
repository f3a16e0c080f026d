"""Reference inputs and outputs: what the network answers in Keras, kept with the export to compare a server with.

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
from kresnet.evaluation.reliability import probabilities_of
from kresnet.export.signature_contract import takes_encoded_images
from kresnet.spec.architecture import Classifier, Spec

#: Number of rows: as many as fit in a mebibyte, within these bounds: 32 small images, 6 of 224x224x3.
MAX_BYTES, MIN_ROWS, MAX_ROWS = 2**20, 4, 32

#: Source of rows that are not real inputs, in words.
RANDOM_SOURCE = "random numbers"


@dataclass(frozen=True, slots=True)
class ReferenceOutputs:
    """Reference inputs, which a server must answer as the network does in Keras, and the outputs of the network.

    Attributes:
        rows: the inputs, uint8 `(K, H, W, C)` or float32 `(K, D)`.
        encoded: image files that evaluation decodes to the rows: each as PNG, then the first in many other formats;
            empty where the network takes no image files.
        kinds: the kind of each file, in words.
        outputs: float32, one row each, by output name; a classifier's are `logits`, `probabilities` and `features`.
    """

    rows: np.ndarray
    encoded: tuple[bytes, ...]
    kinds: tuple[str, ...]
    outputs: dict[str, np.ndarray]

    def save(self, path: Path) -> None:
        """Write inputs and outputs to an `.npz` file."""
        arrays: dict[str, Any] = {"rows": self.rows, "kinds": np.array(self.kinds, np.str_)}
        arrays |= {f"encoded/{index:02}": np.frombuffer(data, np.uint8) for index, data in enumerate(self.encoded)}
        arrays |= {f"outputs/{name}": values for name, values in self.outputs.items()}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> ReferenceOutputs:
        """Read the file that `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            encoded = tuple(file[key].tobytes() for key in sorted(file.files) if key.startswith("encoded/"))
            outputs = {key.partition("/")[2]: file[key] for key in file.files if key.startswith("outputs/")}
            return cls(file["rows"], encoded, tuple(file["kinds"].tolist()), outputs)


@dataclass(frozen=True, slots=True)
class ReferenceInputs:
    """Reference inputs without outputs.

    Attributes:
        rows: the inputs, as `ReferenceOutputs.rows`.
        encoded: the same as image files, as `ReferenceOutputs.encoded`.
        kinds: the kind of each file, as `ReferenceOutputs.kinds`.
    """

    rows: np.ndarray
    encoded: tuple[bytes, ...] = ()
    kinds: tuple[str, ...] = ()


def reference_inputs(spec: Spec, images: Sequence[np.ndarray] | np.ndarray | None) -> ReferenceInputs:
    """Return the inputs to compare a network on, and the same as image files where it takes files.

    Args:
        spec: the network.
        images: real inputs, the more varied the better: images `(H, W, C)` or `(H, W)` of values 0-255, of any sizes
            where the network takes image files; vectors `(D,)`. `None`: random ones, from a fixed seed.

    Raises:
        KresnetError: `data_mismatch`, where the images are not what the network takes.
    """
    size = int(np.prod(spec.input.shape)) * (1 if spec.input.is_image else 4)
    count = min(max(MAX_BYTES // size, MIN_ROWS), MAX_ROWS)
    inputs = _random_inputs(spec, count) if images is None else list(images[:count])
    if not inputs:
        raise make_error("data_mismatch", "There is no image to compare the export's answers on.")
    if takes_encoded_images(spec):
        return _image_rows(inputs, spec)
    if wrong := sorted({values.shape for values in inputs} - {spec.input.shape}):
        sizes = {"expected": str(spec.input.shape), "found": ", ".join(map(str, wrong))}
        raise make_error("data_mismatch", "The inputs are not of the network's shape.", **sizes)
    return ReferenceInputs(np.stack(inputs).astype(np.uint8 if spec.input.is_image else np.float32))


def reference_outputs(
    answers: dict[str, np.ndarray], spec: Spec, temperatures: Sequence[float] | None = None
) -> dict[str, np.ndarray]:
    """Return what a server must answer where the outputs of the network are `answers`.

    Args:
        answers: outputs of the network, by name.
        spec: the network.
        temperatures: what the logits are divided by before they become probabilities; None to take them as they are.
    """
    if not isinstance(spec.head, Classifier):
        return answers
    probabilities = probabilities_of(
        answers["logits"], spec.head.multi_label, np.asarray(temperatures or 1.0, np.float64)
    )
    return answers | {"probabilities": probabilities.astype(np.float32)}


def scaled_difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """Return the largest difference of two arrays, over the larger of 1 and the largest magnitude of the first."""
    return float(np.abs(actual - expected).max() / max(1.0, np.abs(expected).max()))


def _random_inputs(spec: Spec, count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    if spec.input.is_image:
        return list(generator.integers(0, 256, (count, *spec.input.shape), np.uint8))
    return list(generator.standard_normal((count, *spec.input.shape), np.float32))


def _image_rows(images: list[np.ndarray], spec: Spec) -> ReferenceInputs:
    import tensorflow as tf

    from kresnet.data.images import decode
    from kresnet.export.image_files import encode_every_kind

    pixels = [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images]
    channelled = [image[..., np.newaxis] if image.ndim == 2 else image for image in pixels]
    files = [("PNG", tf.io.encode_png(image).numpy()) for image in channelled]
    files += encode_every_kind(channelled[0])
    rows = [decode(tf.constant(data), spec.input).numpy() for _, data in files]
    return ReferenceInputs(np.stack(rows), tuple(data for _, data in files), tuple(kind for kind, _ in files))
