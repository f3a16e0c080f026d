"""Data sets prepared by TensorFlow Datasets: read as they lie on disk, by position; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kresnet.data.sources.dataset import DataSet, fingerprint, require_channels
from kresnet.data.sources.encoded_images import EncodedImages
from kresnet.data.sources.overlap import Overlap, overlap_of_records
from kresnet.data.sources.tfrecord import DamagedRecord, RecordFile, RecordIndex
from kresnet.data.splits import RESIDENT_BYTES, Split
from kresnet.data.unreadable_images import explain_unreadable
from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import TfdsData

#: How TensorFlow Datasets writes an `Image` and a `ClassLabel` feature.
_FEATURES = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}

#: How many records are parsed at once to read their labels.
_LABELS_BATCH = 1024


class RecordSource(EncodedImages):
    """An `ImageSource` of a split's records, in the order of the files, as TFDS reads them one by one."""

    groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    failure: KresnetError | None = None

    def __init__(self, index: RecordIndex, input: Input, *, classes: int, native: bool) -> None:
        """Take the index of records, each a `tf.train.Example` with `image` and `label`; see `ImageSource.native`."""
        super().__init__(input)
        self._index, self._classes, self.native = index, classes, native

    def __len__(self) -> int:
        return len(self._index)

    def _find(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        records = tf.numpy_function(self._index.read, [positions], tf.string, stateful=False)
        records.set_shape(positions.shape)
        examples = tf.io.parse_example(records, _FEATURES)
        labels = examples["label"]
        known = tf.reduce_all((labels >= 0) & (labels < self._classes))
        with tf.control_dependencies([tf.debugging.Assert(known, ["a label is out of range"])]):
            return examples["image"], tf.cast(labels, tf.int32)

    def explain(self, position: int) -> Problem:
        """See `ImageSource.explain`."""
        name = f"The image in {self._index.describe(position)}"
        try:
            record = self._index.read(np.array([position]))[0]
            example = tf.io.parse_single_example(record, _FEATURES)
        except (OSError, DamagedRecord, tf.errors.OpError):
            return Problem("image_unreadable", f"{name} is damaged.", remedy="prepare the data set again")
        if not 0 <= (label := int(example["label"])) < self._classes:
            message = f"The label of {self._index.describe(position)} is none of the data set's."
            expected = f"0 to {self._classes - 1}"
            return Problem("data_mismatch", message, expected=expected, found=str(label))
        return explain_unreadable(name, example["image"].numpy())

    def encoded(self, position: int) -> bytes | None:
        """See `ImageSource.encoded`."""
        try:
            record = self._index.read(np.array([position]))[0]
            return tf.io.parse_single_example(record, {"image": _FEATURES["image"]})["image"].numpy()
        except (OSError, DamagedRecord, tf.errors.OpError):
            return None

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`."""
        return self._index.describe(position, folder=False)

    def record_places(self) -> list[tuple[str, int, int]]:
        """Return file, first record and number of records of each part of the split."""
        return [(str(part.path), part.skip, part.take) for part in self._index.parts]

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """See `ImageSource.targets`; every record is read for it, though no image decoded."""
        found = np.empty(len(positions), np.int64)
        for start in range(0, len(positions), _LABELS_BATCH):
            batch = positions[start : start + _LABELS_BATCH]
            try:
                found[start : start + len(batch)] = self._labels(batch)
            except (OSError, DamagedRecord, tf.errors.OpError):
                damaged = (int(position) for position in batch if self._is_damaged(position))
                raise KresnetError(self.explain(position) for position in damaged) from None
        return found

    def _labels(self, positions: np.ndarray) -> np.ndarray:
        records = self._index.read(positions)
        return np.asarray(tf.io.parse_example(records, {"label": _FEATURES["label"]})["label"])

    def _is_damaged(self, position: int) -> bool:
        try:
            self._labels(np.array([position]))
        except (OSError, DamagedRecord, tf.errors.OpError):
            return True
        return False

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray | None:
        """See `ImageSource.distinct_targets`: records are read from all over the split until all classes were seen."""
        found: np.ndarray = np.empty(0, np.int64)
        if self._index.bytes > RESIDENT_BYTES:
            return None
        anywhere = np.random.default_rng(0).permutation(positions)
        try:
            for start in range(0, len(anywhere), _LABELS_BATCH):
                found = np.union1d(found, self._labels(anywhere[start : start + _LABELS_BATCH]))
                if len(found) == classes:
                    break
        except (OSError, DamagedRecord, tf.errors.OpError):
            return None  # what is damaged is told when images are read
        return found

    def has_labels(self) -> bool:
        """Return whether the first example has a label, or is too damaged to tell; -1 stands for none."""
        try:
            return int(self._labels(np.array([0]))[0]) != -1
        except (OSError, DamagedRecord, tf.errors.OpError):
            return True


def open_tfds(data: TfdsData, input: Input) -> DataSet:
    """Find a prepared data set and its splits.

    Raises:
        KresnetError: `data_missing` (folder, data set or split), `data_empty`, `data_mismatch`.
    """
    builder = _find_builder(data)
    info = builder.info
    _require_image_and_label(info, input)
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        raise make_error(
            "data_mismatch",
            f"{info.full_name} is stored in a format that is not read here.",
            expected="tfrecord",
            found=info.file_format.value,
            remedy="prepare it again with file_format='tfrecord'",
        )
    skip = data.on_unreadable == "skip"
    train = _open_split(info, "train_split", data.train_split, input, skip)
    test = _open_split(info, "test_split", data.test_split, input, skip)
    named = data.validation if isinstance(data.validation, str) else None
    sizes = {name: [split.num_bytes, list(split.shard_lengths)] for name, split in info.splits.items()}
    facts = {"kind": "tfds", "name": info.full_name, "splits": sizes, "read": [data.train_split, data.test_split]}
    if named:
        facts["validation"] = named
    return DataSet(
        info.full_name,
        train,
        test,
        tuple(info.features["label"].names),
        fingerprint(facts),
        find_overlap=_find_overlap,
        validation=_open_split(info, "validation", named, input, skip) if named else None,
    )


def _find_overlap(one: Split, other: Split) -> Overlap:
    """Compare the records of two splits; of one part of a split held out of it there is nothing to compare."""
    if one.source is other.source:
        return Overlap()
    first, second = (cast(RecordSource, split.source).record_places() for split in (one, other))
    return overlap_of_records(first, second, len(other))


def stored_image_shape(data: TfdsData) -> tuple[int | None, ...]:
    """Return height, width and channels of a prepared data set's images, None for what differs between them.

    Raises:
        KresnetError: `data_missing`.
    """
    features = _find_builder(data).info.features
    known = isinstance(features, tfds.features.FeaturesDict) and "image" in features
    feature = features["image"] if known else None
    return tuple(feature.shape) if isinstance(feature, tfds.features.Image) else (None, None, None)


def _find_builder(data: TfdsData) -> Any:
    """Return the read-only builder of the prepared data; its metadata come from the files, never from the network."""
    folder = Path(data.data_dir or tfds.core.constants.DATA_DIR).expanduser()
    if not folder.is_dir():
        raise make_error(
            "data_missing",
            f"There is no folder {folder} to look for {data.name} in.",
            path="recipe.data.data_dir",
            remedy="--set recipe.data.data_dir=FOLDER, the one given to TensorFlow Datasets",
        )
    try:
        return tfds.core.read_only_builder.builder_from_files(data.name, data_dir=folder)
    except Exception as error:  # readers of metadata raise whatever the damage made them stumble over
        there = _prepared_names(folder)
        found = not isinstance(error, tfds.core.registered.DatasetNotFoundError) and data.name.split(":")[0] in there
    if found:
        raise make_error(
            "data_missing",
            f"{data.name} in {folder} is damaged: its dataset_info.json or features.json can not be read.",
            path="recipe.data.name",
            remedy="prepare the data set again",
        )
    raise make_error(
        "data_missing",
        f"{folder} holds no prepared data set {data.name}.",
        path="recipe.data.name",
        expected=", ".join(there) or "a folder of data sets prepared by TensorFlow Datasets",
        nearest=nearest(data.name, there),
        remedy=f'python -c "import tensorflow_datasets as t; t.load({data.name!r}, data_dir={str(folder)!r})"',
    )


def _prepared_names(folder: Path) -> list[str]:
    """Return names NAME[/CONFIG]/VERSION of the data sets below `folder`, by the file that describes their features."""
    paths = [*folder.glob("*/*/features.json"), *folder.glob("*/*/*/features.json")]
    return sorted({path.parent.parent.relative_to(folder).as_posix() for path in paths})


def _require_image_and_label(info: Any, input: Input) -> None:
    features = info.features
    wanted = {"image": tfds.features.Image, "label": tfds.features.ClassLabel}
    for name, kind in wanted.items():
        if name not in features or not isinstance(features[name], kind):
            raise make_error(
                "data_mismatch",
                f"{info.full_name} has no feature `{name}` of type {kind.__name__}.",
                expected="image (Image) and label (ClassLabel)",
                found=", ".join(f"{key} ({type(feature).__name__})" for key, feature in features.items()),
            )
    if features["image"].np_dtype != np.uint8:
        raise make_error(
            "data_mismatch",
            f"The images of {info.full_name} are not made of bytes.",
            expected="uint8",
            found=np.dtype(features["image"].np_dtype).name,
        )
    require_channels(info.full_name, features["image"].shape[-1], input)


def _open_split(info: Any, field: str, text: str, input: Input, skip: bool) -> Split:
    names = sorted(info.splits)
    try:
        instructions = info.splits[text].file_instructions
    except (ValueError, KeyError, AssertionError):
        raise make_error(
            "data_missing",
            f"{info.full_name} has no split {text!r}.",
            path=f"recipe.data.{field}",
            expected=f"one of {', '.join(names)}, or a slice such as {names[0]}[:80%]",
            found=text,
            nearest=nearest(text, names),
            remedy=f"--set recipe.data.{field}={names[0]}",
        ) from None
    parts = (RecordFile(Path(one.filename), one.skip, one.take) for one in instructions)
    index = RecordIndex(parts, keep_damaged=skip)
    if not len(index):
        raise make_error("data_empty", f"The split {text!r} of {info.full_name} is empty.", path=f"recipe.data.{field}")
    features = info.features
    native = tuple(features["image"].shape) == input.shape
    records = RecordSource(index, input, classes=features["label"].num_classes, native=native)
    if not records.has_labels():
        raise make_error(
            "data_mismatch",
            f"The split {text!r} of {info.full_name} has no labels.",
            path=f"recipe.data.{field}",
            remedy=f"choose another of {', '.join(names)}",
        )
    return Split(text, records, input, skip_unreadable=skip)
