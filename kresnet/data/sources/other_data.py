"""Data that a network was not trained on, to measure it on: one split, whose classes are matched with the network's."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from pydantic import TypeAdapter

from kresnet.data.augment.crops import RandomCrop
from kresnet.data.class_names import describe_pairs, enumerate_names, look_alikes
from kresnet.data.folder_listing import list_folders, list_image_files
from kresnet.data.passed_over import PassedOverFiles
from kresnet.data.sources.dataset import DataSet
from kresnet.data.sources.targets import require_targets
from kresnet.data.splits import RESIDENT_BYTES, ImageSource, Split
from kresnet.errors import KresnetError, Problem, make_error, nearest, shell_word
from kresnet.plan import Plan
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData, Data, FolderData, PreparedData, TableData, TfdsData

#: Splits to measure on where none is named, the first that there is.
_USUAL_SPLITS = ("test", "val", "validation", "valid")


@dataclass(frozen=True, slots=True)
class MeasuredSplit:
    """A split that a network is measured on.

    Attributes:
        name: name of the data, for people.
        split: the examples, whose targets are the network's.
        split_name: name of the split; empty where the data are not divided.
        differences: what tells the data from those of the network, a sentence each.
    """

    name: str
    split: Split
    split_name: str
    differences: tuple[str, ...]


def open_other_data(
    document: Mapping[str, Any],
    spec: Spec,
    plan: Plan,
    class_names: Sequence[str],
    *,
    split: str | None = None,
    input: Input | None = None,
) -> MeasuredSplit:
    """Open data to measure a network on.

    Args:
        document: what a recipe would say under `data` (`kresnet.spec.recipe.data_reference.read_data_reference`).
        spec: the network.
        plan: its plan.
        class_names: the network's classes, in order; empty for a network that learned values.
        split: name of the split; by default `test`, else the only one that there is, or all of a folder of classes.
        input: how images are read; as the network takes them by default.

    Raises:
        KresnetError: `data_missing`, `data_empty`, `data_mismatch`; the latter too for classes that the network does
            not have.
    """
    data: Data = TypeAdapter(Data).validate_python(dict(document))
    if isinstance(data, TableData):
        data = _of_split(data, split, class_names)
    input = spec.input if input is None or isinstance(data, ArraysData) else input
    opened, split_name = _open(data, input, split)
    source, remarks = opened.test.source, list[str]()
    kind = {None: "values", "sigmoid": "labels"}.get(plan.probabilities, "classes")
    if "values" in (kind, opened.targets.kind):
        require_targets(opened, spec, plan)
    elif opened.targets.kind != kind:
        words = {"classes": "one class an image", "labels": "independent labels"}
        raise make_error("data_mismatch", f"{opened.name} has targets of another kind than the network learned.",
                         path="--data", expected=words[kind], found=words[opened.targets.kind])  # fmt: skip
    else:
        places, remarks = _match_classes(opened, class_names)
        if places != list(range(len(class_names))):
            source = RenumberedSource(source, np.array(places, np.int64), len(class_names))
    own = opened.test
    limit = RESIDENT_BYTES if input.is_image and opened.targets.kind == "classes" else 0
    examples = Split(own.name, source, input, resident_bytes=limit)
    return MeasuredSplit(opened.name, examples, split_name, tuple(remarks))


def _open(data: Data, input: Input, split: str | None) -> tuple[DataSet, str]:
    """Return a data set whose `test` is the split that is meant, and that split's name."""
    if isinstance(data, FolderData):
        from kresnet.data.sources.folder import open_folder

        root = Path(data.path)
        root, name = _find_split(root, split) if root.is_dir() else (root, split or "test")
        folder = data.model_copy(update={"path": str(root.parent if not name else root)})
        both = name or root.name
        opened = open_folder(folder.model_copy(update={"train_split": both, "test_split": both}), input)
        return replace(opened, name=str(root)), name
    if isinstance(data, TableData):
        from kresnet.data.sources.table import open_table_rows

        return open_table_rows(data, input), str(data.test_split) if data.split else ""
    if isinstance(data, TfdsData):
        from kresnet.data.sources.tfds import open_tfds

        name = split or "test"
        return open_tfds(data.model_copy(update={"train_split": name, "test_split": name}), input), name
    if isinstance(data, PreparedData):
        from kresnet.data.sources.prepared import open_prepared

        name = split or "test"
        return open_prepared(data.model_copy(update={"train_split": name, "test_split": name}), input), name
    if isinstance(data, ArraysData):
        from kresnet.data.sources.arrays import open_arrays

        name = split or _only_split(Path(data.path))
        return open_arrays(data, input, only=name), name
    from kresnet.data.sources import open_data

    opened = open_data(data, input, 0)
    name = split or "test"
    if name not in opened.splits:
        raise _no_split_error(opened.name, name, list(opened.splits))
    return replace(opened, test=opened.splits[name]), name


def _of_split(data: TableData, split: str | None, class_names: Sequence[str]) -> TableData:
    """Return the table with the rows that are meant as those to evaluate on, and with the network's classes."""
    if split is not None and data.split is None:
        message = f"{data.path} has no column that says which split a row belongs to."
        raise make_error("data_missing", message, path="--split", found=split, remedy="leave --split out")
    rows = split or (data.test_split if data.split else "test")
    single = data.label is not None or isinstance(data.labels, str)
    classes = tuple(class_names) if class_names and single else None  # others are told with their rows
    changed = {"train_split": rows, "test_split": rows, "validation": None, "fold": None, "classes": classes}
    return data.model_copy(update=changed)


def _find_split(root: Path, split: str | None) -> tuple[Path, str]:
    """Return the folder that holds the split and the split's name; empty for a folder that holds the classes itself."""
    names = list_folders(root)
    splits = [name for name in names if list_folders(root / name)]
    if split is not None:
        if split not in names:
            raise _no_split_error(str(root), split, splits)
        return root, split
    for usual in _USUAL_SPLITS:
        if usual in splits:
            return root, usual
    classes = [name for name in names if list_image_files(root / name, PassedOverFiles(root / name))]
    if classes or not splits:
        return root, ""
    if len(splits) == 1:
        return root, splits[0]
    raise _no_split_error(str(root), "", splits)


def _only_split(path: Path) -> str:
    """Return the split of an `.npz` file to measure on: `test`, or the only one; what is wrong with it is told later.

    Raises:
        KresnetError: `data_missing` where there are several and none is `test`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = {name.removesuffix("_inputs") for name in file.files if name.endswith("_inputs")}
    except (OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile):
        return "test"
    if len(names) > 1 and "test" not in names:
        raise _no_split_error(str(path), "", sorted(names))
    return names.pop() if len(names) == 1 else "test"


def _no_split_error(where: str, split: str, there: list[str]) -> KresnetError:
    message = f"{where} has no split {split}." if split else f"{where} has several splits, and none is named."
    return make_error(
        "data_missing",
        message,
        path="--split",
        expected=enumerate_names(there) or "folders of classes in it",
        found=split,
        nearest=nearest(split, there) if split else "",
        remedy=f"--split {shell_word(there[0])}" if there else "leave --split out",
    )


def _match_classes(data: DataSet, class_names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the network's number of each class of the data, and what there is to tell of it.

    Raises:
        KresnetError: `data_mismatch`, for classes that the network does not have.
    """
    found, numbers = data.class_names, {name: number for number, name in enumerate(class_names)}
    if found == _numbered(len(found)) and tuple(class_names) != _numbered(len(class_names)):
        if len(found) > len(class_names):
            raise _unknown_classes_error(data, list(found[len(class_names) :]), class_names)
        remark = f"The classes of {data.name} have no names: they are matched with the network's by number."
        return list(range(len(found))), [remark]
    if tuple(class_names) == _numbered(len(class_names)) and found != _numbered(len(found)):
        if len(found) == len(class_names):
            remark = "The network's classes have no names: those of the data are matched with them in order."
            return list(range(len(found))), [remark]
        message = f"{data.name} has {len(found)} classes, and the network {len(class_names)} without names."
        raise make_error("data_mismatch", message, path="--data", remedy="--classes FILE, with the network's classes")
    if unknown := [name for name in found if name not in numbers]:
        raise _unknown_classes_error(data, unknown, class_names)
    missing = [name for name in class_names if name not in set(found)]
    remarks = [f"{data.name} has no examples of {enumerate_names(missing)}."] if missing else []
    return [numbers[name] for name in found], remarks


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _unknown_classes_error(data: DataSet, unknown: list[str], class_names: Sequence[str]) -> KresnetError:
    alike = [pair for pair in look_alikes(unknown, class_names) if pair[1] not in data.class_names]
    hint = f" ({describe_pairs(alike)})" if alike else ""
    return KresnetError(
        Problem(
            "data_mismatch",
            f"{data.name} has classes that the network does not have{hint}.",
            path="--data",
            expected=f"classes among {enumerate_names(class_names)}",
            found=enumerate_names(unknown),
            nearest=nearest(unknown[0], [name for name in class_names if name not in data.class_names]),
            remedy="rename them, or leave them out",
        )
    )


class RenumberedSource:
    """An `ImageSource` whose classes or labels have other numbers than where they lie."""

    def __init__(self, source: ImageSource, places: np.ndarray, count: int) -> None:
        """Take the source, the new number of each of its classes, int64, and how many classes there are now."""
        self._source, self._places, self._count = source, places, count
        self.native, self.groups, self.weights = source.native, source.groups, source.weights

    def __len__(self) -> int:
        return len(self._source)

    @property
    def failure(self) -> KresnetError | None:
        """See `ImageSource`."""
        return self._source.failure

    def fetch(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch`."""
        images, targets = self._source.fetch(positions)
        return images, self._renumbered(targets)

    def fetch_crops(self, positions: tf.Tensor, crop: RandomCrop, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ImageSource.fetch_crops`."""
        images, targets = self._source.fetch_crops(positions, crop, numbers)
        return images, self._renumbered(targets)

    def _renumbered(self, targets: tf.Tensor) -> tf.Tensor:
        if targets.shape.rank == 1:
            return tf.gather(tf.constant(self._places, targets.dtype), targets)
        columns = tf.one_hot(self._places, self._count, dtype=targets.dtype)  # (labels there, labels here)
        return tf.matmul(targets, columns)

    def encoded(self, position: int) -> bytes | None:
        """See `ImageSource.encoded`."""
        return self._source.encoded(position)

    def explain(self, position: int) -> Problem:
        """See `ImageSource.explain`."""
        return self._source.explain(position)

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`."""
        return self._source.example_name(position)

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """See `ImageSource.targets`."""
        return self._renumbered(tf.constant(self._source.targets(positions))).numpy()

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray | None:
        """See `ImageSource.distinct_targets`."""
        found = self._source.distinct_targets(positions, classes)
        return None if found is None else self._renumbered(tf.constant(found)).numpy()


__all__ = ["MeasuredSplit", "RenumberedSource", "open_other_data"]
