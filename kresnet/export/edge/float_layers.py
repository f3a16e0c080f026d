"""Which layers stay in float, so that a file of integers loses no more than it may; TensorFlow is not imported."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.errors import make_error
from kresnet.export.edge.file_proof_process import BATCH, decided
from kresnet.export.edge.file_runtimes import LiteRTFile
from kresnet.export.edge.layer_noise import LayerNoise

if TYPE_CHECKING:
    from kresnet.export.edge.export_rows import ExportRows

#: Of all layers, at most this share is kept in float: a file of more is no file of integers.
MOST_KEPT = 0.5


@dataclass(frozen=True, slots=True)
class FloatLayers:
    """The layers that stay in float, and how they were found.

    Attributes:
        tensors: names of the tensors whose operations stay in float.
        layers: names of the layers that give them.
        trials: JSON-ready, in order: `kept`, a number of layers, and `accuracy` of the file that keeps so many.
    """

    tensors: tuple[str, ...]
    layers: tuple[str, ...]
    trials: tuple[dict[str, Any], ...]


def choose_float_layers(
    quantize: Callable[[Sequence[str]], bytes],
    noisiest: Sequence[LayerNoise],
    rows: ExportRows,
    float_accuracy: float,
    lose_at_most: float,
    *,
    independent: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> FloatLayers:
    """Keep the layers that add most noise in float: as few of them as give the stated accuracy.

    Tries none, one, two, four … of them, and then halves the gap between what lost too much and what did not.

    Args:
        quantize: makes a file that keeps the operations of some tensors in float.
        noisiest: the layers, those that add most noise first.
        rows: images and what they show.
        float_accuracy: accuracy of the float network on them.
        lose_at_most: largest loss of it.
        independent: whether the classes are independent labels.
        tell: takes a line after each trial.

    Raises:
        KresnetError: `export_mismatch` with the figures, where half of the layers in float are not enough.
    """
    trials: list[dict[str, Any]] = []

    def holds(count: int) -> bool:
        tensors = [each.tensor for each in noisiest[:count]]
        accuracy = _accuracy(quantize(tensors), rows, independent)
        trials.append({"kept": count, "accuracy": accuracy})
        layers = "1 layer" if count == 1 else f"{count} layers"
        tell(f"{layers} in float: accuracy {accuracy:.2%}, of the float network {float_accuracy:.2%}")
        return float_accuracy - accuracy <= lose_at_most + 1e-9

    most = int(len(noisiest) * MOST_KEPT)
    failed, count = -1, 0
    while not holds(count):
        failed = count
        if count == most:
            raise _refusal(trials, float_accuracy, lose_at_most, len(rows.values), rows.source)
        count = min(max(1, 2 * count), most)
    while count - failed > 1:
        middle = (count + failed) // 2
        if holds(middle):
            count = middle
        else:
            failed = middle
    kept = noisiest[:count]
    return FloatLayers(tuple(each.tensor for each in kept), tuple(each.layer for each in kept), tuple(trials))


def _accuracy(content: bytes, rows: ExportRows, independent: bool) -> float:
    assert rows.targets is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidate.tflite"
        path.write_bytes(content)
        file = LiteRTFile(path, threads=2)
        parts = [file.run(rows.values[start : start + BATCH])["probabilities"]
                 for start in range(0, len(rows.values), BATCH)]  # fmt: skip
    targets = rows.targets >= 0.5 if independent else rows.targets
    return float(np.mean(decided(np.concatenate(parts), independent) == targets))


def _refusal(trials: list[dict[str, Any]], exact: float, limit: float, images: int, source: str) -> Exception:
    tried = ", ".join(f"{each['accuracy']:.2%} with {each['kept']}" for each in trials)
    message = (
        f"Of {images:,} {source}, the float network gets {exact:.2%} right; files of integers get, with so many layers "
        f"in float: {tried}. None of them loses {100 * limit:g} points or less."
    )
    return make_error("export_mismatch", message, remedy="--weights int16x8, or a larger --lose-at-most")


__all__ = ["FloatLayers", "choose_float_layers"]
