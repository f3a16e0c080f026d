"""What a recipe trains on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from kresnet.spec.base import Document, Name


class EmbeddedData(Document):
    """The images that ship with the package: a class-balanced part of Fashion-MNIST."""

    kind: Literal["embedded"]


class TfdsData(Document):
    """A data set prepared by TensorFlow Datasets, with features `image` and `label`."""

    kind: Literal["tfds"]
    name: StrictStr = Field(min_length=1, max_length=200)
    """Data set, with its configuration and version if wanted: `fashion_mnist`, `cifar10:3.0.2`."""
    data_dir: StrictStr | None = None
    """Folder of prepared data sets; TensorFlow Datasets' own default when absent. Nothing is downloaded."""
    train_split: StrictStr = "train"
    """Split to train on, in TensorFlow Datasets' slicing language."""
    test_split: StrictStr = "test"
    """Split to evaluate on."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be read: end, naming them; or leave them out. Then every image is read once
    before the run begins, and what is left out is noted in `data.json` and counted in the result."""


class FolderData(Document):
    """Image files in one folder a class: `PATH/train/CLASS/*.png` and `PATH/test/CLASS/*.png`."""

    kind: Literal["folder"]
    path: StrictStr
    """The folder that holds the two splits."""
    train_split: Name = "train"
    """Folder of the split to train on."""
    test_split: Name = "test"
    """Folder of the split to evaluate on."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be read: end, naming them; or leave them out. Then every image is read once
    before the run begins, and what is left out is noted in `data.json` and counted in the result."""


class ArraysData(Document):
    """A NumPy file with `train_inputs`, `train_targets`, `test_inputs` and `test_targets`.

    Inputs are images, uint8 `(N, height, width, channels)`, or vectors, float32 `(N, length)`, of the network's own
    size. Targets are classes, integers `(N,)`; independent labels, float32 0 or 1 `(N, labels)`; or float32 values of
    the output's shape, for a network without a head. `class_names`, text `(classes,)`, may name classes or labels.
    """

    kind: Literal["arrays"]
    path: StrictStr
    """The file, as `numpy.savez` writes it."""


Data = Annotated[EmbeddedData | TfdsData | FolderData | ArraysData, Field(discriminator="kind")]
