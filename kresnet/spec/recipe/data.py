"""What a recipe trains on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictStr

from kresnet.spec.base import Name
from kresnet.spec.recipe.validation import Data, Fold, Share, ShareOrName, ShareOrSplit, ValidatedData


class DataSource(ValidatedData):
    """Data of a kind that a package or script registers: a share of the training images may be held out of them."""

    validation: Share | None = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class. Without it epochs are measured on test images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""


@Data.register
class EmbeddedData(ValidatedData):
    """The images that ship with the package: a class-balanced part of Fashion-MNIST."""

    kind: Literal["embedded"]
    validation: Share | None = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class. Without it epochs are measured on test images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""


@Data.register
class TfdsData(ValidatedData):
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
    validation: ShareOrSplit = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class; or a split, such as `train[90%:]`. Without it epochs are measured on test
    images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be read: end, naming them; or leave them out. Then every image is read once
    before the run begins, and what is left out is noted in `data.json` and counted in the result."""


@Data.register
class FolderData(ValidatedData):
    """Image files in one folder a class: `PATH/train/CLASS/*.png` and `PATH/test/CLASS/*.png`."""

    kind: Literal["folder"]
    path: StrictStr
    """The folder that holds the two splits."""
    train_split: Name = "train"
    """Folder of the split to train on."""
    test_split: Name = "test"
    """Folder of the split to evaluate on."""
    validation: ShareOrName = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class; or a folder beside `train`. Without it epochs are measured on test images,
    and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be read: end, naming them; or leave them out. Then every image is read once
    before the run begins, and what is left out is noted in `data.json` and counted in the result."""


@Data.register
class ArraysData(ValidatedData):
    """A NumPy file with `train_inputs`, `train_targets`, `test_inputs` and `test_targets`.

    Inputs are images, uint8 `(N, height, width, channels)`, or vectors, float32 `(N, length)`, of the network's own
    size. Targets are classes, integers `(N,)`; independent labels, float32 0 or 1 `(N, labels)`; or float32 values of
    the output's shape, for a network without a head. `class_names`, text `(classes,)`, may name classes or labels.
    `train_groups` `(N,)`, text or integers, may name groups, such as patients, that `validation` does not tear apart.
    """

    kind: Literal["arrays"]
    path: StrictStr
    """The file, as `numpy.savez` writes it."""
    validation: ShareOrName = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class; or NAME, for the arrays NAME_inputs and NAME_targets. Without it epochs are
    measured on test images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""
