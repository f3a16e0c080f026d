"""Image files in one folder a class: `PATH/SPLIT/CLASS/*.jpg`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import tensorflow as tf

from kresnet.data.class_names import describe_names, describe_pairs, enumerate_names, look_alikes
from kresnet.data.folder_listing import SUFFIXES, holds_images, list_folders, list_image_files, table_remedy
from kresnet.data.images import read_image
from kresnet.data.passed_over import PassedOverFiles
from kresnet.data.sources.dataset import DataSet, fingerprint
from kresnet.data.sources.encoded_images import EncodedImages
from kresnet.data.sources.overlap import Overlap, SizedFile, overlap_of_files
from kresnet.data.splits import Split
from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import FolderData


class FileSource(EncodedImages):
    """An `ImageSource` of image files with their targets."""

    weights: np.ndarray | None = None
    failure: KresnetError | None = None
    native = False  # sizes are not known before all files are read

    def __init__(self, paths: tf.Tensor, targets: np.ndarray, input: Input, groups: np.ndarray | None = None) -> None:
        """Take the files with what is to be learned of them.

        Args:
            paths: the files' paths, string (N,).
            targets: their classes, integers (N,); labels, uint8 0 or 1 (N, labels); or float targets, (N, ...).
            input: the spec's input.
            groups: names of the examples' groups (N,), see `ImageSource.groups`.
        """
        super().__init__(input)
        self.groups = groups
        with tf.device("CPU:0"):
            self._paths = tf.identity(paths)
            kind = tf.float32 if targets.dtype.kind == "f" else tf.int32 if targets.ndim == 1 else tf.uint8
            self._targets = tf.constant(targets, kind)

    def __len__(self) -> int:
        return self._targets.shape[0]

    def _find(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        targets = tf.gather(self._targets, positions)
        return tf.gather(self._paths, positions), tf.cast(targets, tf.float32) if targets.dtype == tf.uint8 else targets

    def _encoded(self, found: tf.Tensor) -> tf.Tensor:
        return tf.io.read_file(found)

    def explain(self, position: int) -> Problem:
        """See `ImageSource.explain`."""
        path = self.path(position)
        try:
            read_image(path, self._input)
        except KresnetError as error:
            return error.problems[0]
        return Problem("image_unreadable", f"{path} could not be read a moment ago.", remedy="try again")

    def encoded(self, position: int) -> bytes | None:
        """See `ImageSource.encoded`."""
        try:
            return Path(self.path(position)).read_bytes()
        except OSError:
            return None

    def path(self, position: int) -> str:
        """Return the path of the file of the example at `position`."""
        return os.fsdecode(self._paths[position].numpy())

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`."""
        return "/".join(Path(self.path(position)).parts[-2:])

    def paths(self, positions: np.ndarray) -> list[str]:
        """Return the paths of the files at `positions`."""
        return [os.fsdecode(path) for path in self._paths.numpy()[positions]]

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """See `ImageSource.targets`."""
        targets = self._targets.numpy()[positions]
        return targets.astype(np.float32) if targets.dtype == np.uint8 else targets

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray:
        """See `ImageSource.distinct_targets`."""
        return self._targets.numpy()[positions]


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The image files of a split: name and size in bytes, by class, all sorted; and what else lies there."""

    folder: Path
    classes: dict[str, list[SizedFile]]
    passed_over: PassedOverFiles

    def files(self) -> list[SizedFile]:
        """Return path and size of all files."""
        return [(str(self.folder / name / file), size) for name, files in self.classes.items() for file, size in files]

    def source(self, input: Input) -> FileSource:
        """Return the files as an `ImageSource`, labels numbering the classes."""
        labels = np.repeat(np.arange(len(self.classes)), [len(files) for files in self.classes.values()])
        with tf.device("CPU:0"):
            paths = tf.constant([os.fsencode(path) for path, _ in self.files()])  # names need not be text
        return FileSource(paths, labels, input)


def open_folder(data: FolderData, input: Input) -> DataSet:
    """Find the classes and files of both splits.

    Raises:
        KresnetError: `data_missing`, `data_empty` (naming the classes), `data_mismatch` (classes differ).
    """
    root = Path(data.path).expanduser()
    if not root.is_dir():
        raise make_error(
            "data_missing",
            f"There is no folder {root}.",
            path="recipe.data.path",
            nearest=nearest(root.name, list_folders(root.parent)),
            remedy=f"make {root}/{data.train_split}/CLASS/*.jpg, or --set recipe.data.path=FOLDER",
        )
    try:
        train = _list_split(root, "train_split", data.train_split)
        test = _list_split(root, "test_split", data.test_split)
        validation = None
        if isinstance(data.validation, str):
            validation = _list_split(root, "validation", data.validation)
    except OSError as error:
        raise make_error("data_missing", f"{error.filename} cannot be listed: {error.strerror}.") from None
    found = {"train": train, **({"validation": validation} if validation else {}), "test": test}
    for other in (test, validation):
        if other:
            _require_same_classes(train, other)
    splits = {
        name: Split(files.folder.name, files.source(input), input, skip_unreadable=data.on_unreadable == "skip")
        for name, files in found.items()
    }
    return DataSet(
        name=str(root),
        train=splits["train"],
        test=splits["test"],
        class_names=tuple(train.classes),
        fingerprint=fingerprint({"kind": "folder"} | {name: files.classes for name, files in found.items()}),
        passed_over={name: files.passed_over.counts for name, files in found.items()},
        find_overlap=_overlap_finder(found),
        validation=splits.get("validation"),
    )


def _require_same_classes(train: SplitFiles, other: SplitFiles) -> None:
    """Raise `KresnetError` (`data_mismatch`) unless two splits hold the same classes."""
    if train.classes.keys() == other.classes.keys():
        return
    pairs = look_alikes(train.classes, other.classes)
    pairs = [pair for pair in pairs if pair[0] not in other.classes and pair[1] not in train.classes]
    alike = f": {describe_pairs(pairs)}" if pairs else ""
    raise make_error(
        "data_mismatch",
        f"{train.folder} and {other.folder} do not hold the same classes{alike}.",
        expected=describe_names(tuple(train.classes), tuple(other.classes)),
        found=describe_names(tuple(other.classes), tuple(train.classes)),
        remedy="rename the folders of one" if pairs else "give both splits the same class folders",
    )


def _overlap_finder(found: Mapping[str, SplitFiles]) -> Callable[[Split, Split], Overlap]:
    """Return the `DataSet.find_overlap` of splits with these files."""
    sizes = {path: size for files in found.values() for path, size in files.files()}

    def find(one: Split, other: Split) -> Overlap:
        of_one, of_other = (
            [(path, sizes[path]) for path in cast(FileSource, split.source).paths(split.positions)]
            for split in (one, other)
        )
        return overlap_of_files(of_one, of_other)

    return find


def _list_split(root: Path, field: str, split: str) -> SplitFiles:
    folder = root / split
    if not folder.is_dir():
        raise _missing_split_error(root, field, split)
    names = list_folders(folder)
    if unwritable := [name for name in names if not _is_text(name)]:
        message = f"The name of the class folder {folder}/{unwritable[0]!r} is not UTF-8 text."
        raise make_error("data_mismatch", message, remedy="rename it")
    passed_over = PassedOverFiles(folder)
    passed_over.add_beside_classes()
    classes = {name: list_image_files(folder / name, passed_over) for name in names}
    if not classes:
        raise make_error(
            "data_empty", f"{folder} holds no class folders.", remedy=f"put images in {folder}/CLASS/*.jpg"
        )
    empty = [name for name, files in classes.items() if not files]
    if empty:
        found = {name: _what_lies_in(folder / name) for name in empty}
        remedy = f"put images ({' '.join(SUFFIXES)}) there, or remove the folder"
        raise KresnetError(
            Problem(
                "data_empty", f"The class folder {folder / name} holds no images.", found=found[name], remedy=remedy
            )
            for name in empty
        )
    return SplitFiles(folder, classes, passed_over)


def _missing_split_error(root: Path, field: str, split: str) -> KresnetError:
    there = list_folders(root)
    close = nearest(split, there)
    if field == "train_split" and there and not close and all(holds_images(root / name) for name in there):
        return make_error(
            "data_missing",
            f"{root} holds one folder a class, and no splits.",
            path="recipe.data.path",
            expected=f"{root}/{split}/CLASS/*.jpg",
            found=enumerate_names(there),
            remedy=table_remedy(root),
        )
    return make_error(
        "data_missing",
        f"There is no folder {root / split}.",
        path=f"recipe.data.{field}",
        found=enumerate_names(there) or "no folders",
        nearest=close,
        remedy=f"make {root / split}/CLASS/*.jpg, or --set recipe.data.{field}=NAME",
    )


def _what_lies_in(folder: Path) -> str:
    """Return in words what a class folder without images holds."""
    passed_over = PassedOverFiles(folder)
    list_image_files(folder, passed_over)
    return ", ".join(f"{count:,} {reason}" for reason, (count, _) in passed_over.counts.items()) or "nothing"


def _is_text(name: str) -> bool:
    """Return whether the name can be written in UTF-8; Linux allows any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
