"""The images that a file is calibrated on, and those that it is proved on: never the test images of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kresnet.data.images import decode
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.splits import Split, naming_unreadable_images
from kresnet.errors import make_error
from kresnet.export.reference_outputs import reference_inputs
from kresnet.export.sample_inputs import SampleInputs, read_images, sample_inputs
from kresnet.export.signature_contract import takes_encoded_images
from kresnet.runs.trained_data import require_data_overrides_apply
from kresnet.spec.inputs import Input
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from kresnet.runs.trained_model import TrainedModel

#: A file is proved on so many images at most, and on so many bytes of them.
MOST_ROWS, MOST_BYTES = 2000, 2**28


@dataclass(frozen=True, slots=True)
class ExportRows:
    """Inputs of the network, as evaluation reads them.

    Attributes:
        values: uint8 `(N, H, W, C)`, or vectors, float32 `(N, length)`.
        source: where they come from, in words.
        targets: what the network should answer, `(N,)` or `(N, ...)`; None where nobody knows.
        drawn: how they were drawn, JSON-ready: `split`, `images`, `seed`, `sha256` of the values.
    """

    values: np.ndarray
    source: str
    targets: np.ndarray | None = None
    drawn: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a file is calibrated on, and proved on.

    Attributes:
        proof: the images to prove it on.
        calibration: those to calibrate it on; None where nothing is calibrated.
        differences: what tells the data from those that the network was trained on, in sentences.
    """

    proof: ExportRows
    calibration: ExportRows | None = None
    differences: tuple[str, ...] = ()


def file_rows(origin: TrainedModel, calibrate: int, folder: Path | None = None, overrides: Overrides = ()) -> FileRows:
    """Return the images for the file of a network.

    A run's file is calibrated on training images, and proved on its validation images; where it has none, on other
    training images, since what test images choose they cannot judge. A folder of images takes the place of those that
    it is proved on; of a network without a run, also of those that it is calibrated on.

    Args:
        origin: the network.
        calibrate: number of images to calibrate on; 0 where nothing is calibrated.
        folder: a folder of images.
        overrides: settings of `recipe.data`, where the data of the run lie elsewhere now.

    Raises:
        KresnetError: `bad_option` where there is nothing to calibrate on; what opening data and images raises.
    """
    if origin.run is None and calibrate and not folder:
        message = f"{origin.model} belongs to no run, so that there are no training images to calibrate it on."
        remedy = "--images DIR, a folder of images like those that it will see"
        raise make_error("bad_option", message, expected="a run, or images",
                         remedy=remedy if takes_encoded_images(origin.spec) else "the directory of a run")  # fmt: skip
    require_data_overrides_apply(origin, overrides, folder is not None and origin.run is None)
    rows = _rows_of_run(origin, calibrate, overrides) if origin.run and (calibrate or not folder) else None
    if rows and not folder:
        return rows
    if folder is None:
        return FileRows(_reference_rows(origin, sample_inputs(origin)))
    given = _reference_rows(origin, SampleInputs(read_images(folder, origin.spec), f"images of {folder}"))
    if rows:
        return FileRows(given, rows.calibration, rows.differences)
    if not calibrate:
        return FileRows(given)
    pictures = np.stack(read_images(folder, origin.spec, calibrate, partial(_decode, origin.spec.input)))
    return FileRows(given, ExportRows(pictures, f"images of {folder}", drawn=_describe(None, pictures, None)))


def most_rows(origin: TrainedModel) -> int:
    """Return how many images a network is proved on at most."""
    return max(min(MOST_ROWS, MOST_BYTES // int(np.prod(origin.spec.input.shape))), 32)


def _rows_of_run(origin: TrainedModel, calibrate: int, overrides: Overrides) -> FileRows:
    from kresnet.evaluation.evaluate import open_test_data

    assert origin.run
    data, differences = open_test_data(origin.run, overrides)
    seed, most = origin.run.resolved.recipe.seed, most_rows(origin)
    order = np.random.default_rng(seed).permutation(len(data.train))
    calibration = _draw(data.train, "train", order[:calibrate], seed, "training images") if calibrate else None
    if data.validation:
        places = np.random.default_rng(seed).permutation(len(data.validation))[:most]
        proof = _draw(data.validation, "validation", places, seed, "validation images")
        return FileRows(proof, calibration, differences)
    others = order[calibrate : calibrate + most]
    source = "training images, since the run has no validation split and test images choose nothing"
    if not len(others):
        others, source = order[:most], f"{source}; the same that were calibrated on, as there are no more"
    return FileRows(_draw(data.train, "train", others, seed, source), calibration, differences)


def _draw(split: Split, name: str, places: np.ndarray, seed: int, source: str) -> ExportRows:
    """Read some of a split's examples, in the split's order."""
    part = split.part(split.name, np.sort(places))
    with naming_unreadable_images(part):
        batches = [(images.numpy(), targets.numpy()) for images, targets in evaluation_batches(part, 256)]
    values, targets = (np.concatenate(each) for each in zip(*batches, strict=True))
    return ExportRows(values, source, targets, _describe(name, values, seed))


def _decode(input: Input, encoded: bytes) -> np.ndarray:
    """Bring an image file to the network's size as evaluation does."""
    return np.asarray(decode(tf.constant(encoded), input))


def _describe(split: str | None, values: np.ndarray, seed: int | None) -> dict[str, Any]:
    sha256 = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    return {"split": split, "images": len(values), "seed": seed, "sha256": sha256}


def _reference_rows(origin: TrainedModel, inputs: SampleInputs) -> ExportRows:
    return ExportRows(reference_inputs(origin.spec, inputs.images).rows, inputs.source)


__all__ = ["ExportRows", "FileRows", "file_rows", "most_rows"]
