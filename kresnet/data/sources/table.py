"""Image files that a table lists, with what is to be learned of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import tensorflow as tf

from kresnet.data.sources.dataset import DataSet, Targets, fingerprint
from kresnet.data.sources.folder import FileSource
from kresnet.data.sources.overlap import Overlap, overlap_of_files
from kresnet.data.splits import Split
from kresnet.data.tables.examples import TableExamples, read_examples
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import TableData

if TYPE_CHECKING:
    import pyarrow as pa

#: Cannot be in a path.
_NUL = "\0"


class TableSource(FileSource):
    """An `ImageSource` of the rows of a table, in their order."""

    def __init__(self, examples: TableExamples, positions: np.ndarray, input: Input) -> None:
        """Take the rows at `positions`, int64 (n,)."""
        groups = None if examples.groups is None else examples.groups[positions]
        super().__init__(text_tensor(examples.paths.take(positions)), examples.targets.array[positions], input, groups)
        self._names, self.sizes = examples.names.take(positions), examples.sizes[positions]
        self.weights = None if examples.weights is None else examples.weights[positions]

    def example_name(self, position: int) -> str:
        """See `ImageSource.example_name`: the path as the table has it."""
        return self._names[position].as_py()


def open_table(data: TableData, input: Input) -> DataSet:
    """Read a table and look for the images that it lists.

    Raises:
        KresnetError: as `read_examples`.
    """
    examples = read_examples(data)
    skip = data.on_unreadable == "skip"
    splits = {
        name: Split(str(said), TableSource(examples, positions, input), input, skip_unreadable=skip)
        for name, said in (
            ("train", data.train_split),
            ("validation", data.validation),
            ("test", data.test_split if data.split else "test"),
        )
        if len(positions := examples.positions(name))
    }
    targets = examples.targets
    labels = targets.array if targets.kind == "labels" else np.empty((0, 0))
    one_hot = labels.shape[1] > 1 and bool((labels.sum(axis=1) == 1).all())
    repeated = f"{examples.same:,} rows list an image that an earlier row lists, with the same target."
    return DataSet(
        name=data.path,
        train=splits["train"],
        test=splits["test"],
        class_names=targets.names,
        fingerprint=fingerprint({"kind": "table", "sha256": examples.digest()}),
        targets=Targets(targets.kind, targets.array.shape[1:], one_hot=one_hot),
        passed_over=examples.passed_over,
        find_overlap=_find_overlap,
        validation=splits.get("validation"),
        remarks=(repeated,) if examples.same else (),
    )


def open_table_rows(data: TableData, input: Input) -> DataSet:
    """Read a table of which one split is measured on: the rows of `test_split`, or all where no column says a split.

    Raises:
        KresnetError: as `read_examples`.
    """
    examples = read_examples(data)
    positions = examples.positions("test") if data.split else np.arange(len(examples.names))
    rows = Split("test", TableSource(examples, positions, input), input)
    targets = examples.targets
    kind = Targets(targets.kind, targets.array.shape[1:])
    return DataSet(data.path, rows, rows, targets.names, fingerprint(examples.digest()), kind)


def text_tensor(texts: pa.Array) -> tf.Tensor:
    """Return text as a tensor of strings (N,), without a Python object for each."""
    import pyarrow as pa
    from pyarrow import compute

    if not len(texts):
        return tf.constant([], tf.string)
    rows = pa.LargeListArray.from_arrays(pa.array([0, len(texts)], pa.int64()), texts)
    joined = compute.binary_join(rows, pa.scalar(_NUL, texts.type))[0].as_py()
    with tf.device("CPU:0"):
        return tf.strings.split(tf.constant(joined), _NUL)


def _find_overlap(one: Split, other: Split) -> Overlap:
    def sized(split: Split) -> list[tuple[str, int]]:
        source = cast(TableSource, split.source)
        return list(zip(source.paths(split.positions), source.sizes[split.positions].tolist(), strict=True))

    return overlap_of_files(sized(one), sized(other))
