"""The examples that a table lists: where their images lie, what is to be learned of them, and their splits."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.data.description import SPLITS, PassedOver
from kresnet.data.stratified_split import held_out_positions
from kresnet.data.tables.row_problems import RowProblems
from kresnet.data.tables.table_file import TableFile, require_columns, text_of
from kresnet.data.tables.targets import (
    TableTargets,
    class_targets,
    label_column_targets,
    label_targets,
    value_targets,
    weights_of,
)
from kresnet.errors import make_error, nearest
from kresnet.spec.recipe import TableData

if TYPE_CHECKING:
    import pyarrow as pa

#: Paths whose files are looked for at once, and by how many threads: a file system across a network takes its time.
_PATHS_AT_ONCE, _THREADS = 4096, 16
#: Values of the column of splits that are told one by one.
_MOST_SPLITS = 10


@dataclass(frozen=True, slots=True)
class TableExamples:
    """The rows of a table that are read.

    Attributes:
        names: paths of the images as the table has them, large_string (N,).
        paths: the same with the folder that they lie in.
        sizes: of the files in bytes, int64 (N,); -1 where there is none.
        split_of: int8 (N,), place in `SPLITS`.
        targets: what is to be learned.
        groups: name of the group of each, text (N,); None where each stands for itself.
        weights: float32 (N,); None where all count the same.
        passed_over: rows that are not read.
        same: how many rows list an image that an earlier row of the same split lists, with the same targets.
    """

    names: pa.Array
    paths: pa.Array
    sizes: np.ndarray
    split_of: np.ndarray
    targets: TableTargets
    groups: np.ndarray | None
    weights: np.ndarray | None
    passed_over: Mapping[str, PassedOver]
    same: int

    def positions(self, split: str) -> np.ndarray:
        """Return where the examples of a split stand, int64 (n,), in the order of the table."""
        return np.flatnonzero(self.split_of == SPLITS.index(split))

    def digest(self) -> str:
        """Return a SHA-256 (hexadecimal) of all that is read of the table, and of the files' sizes; not of places."""
        found = hashlib.sha256(json.dumps([self.targets.kind, self.targets.names]).encode())
        for array in (self.sizes, self.split_of, self.targets.array, self.groups, self.weights):
            found.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        for start in range(0, len(self.names), _PATHS_AT_ONCE):
            found.update("\0".join(self.names[start : start + _PATHS_AT_ONCE].to_pylist()).encode())
        return found.hexdigest()


def read_examples(data: TableData, *, most_files: int | None = None) -> TableExamples:
    """Read a table; images are looked for, but not opened.

    Args:
        data: the recipe's data.
        most_files: of a table with more rows, images are not looked for; all sizes are 0.

    Raises:
        KresnetError: `data_missing`, `data_empty`, `data_mismatch`: what is wrong with the table; or else with its
            rows, all at once, each with line, row and column.
    """
    file = TableFile(Path(data.path).expanduser())
    require_columns(file, _columns(data))
    numbers = [*_listed(data.values), *(data.labels if isinstance(data.labels, tuple) else ())]
    numbers += [data.weight] if data.weight else []
    texts = [name for name in _columns(data) if name not in numbers]
    columns = file.read(texts, numbers)
    split_of, passed_over = _assigned_splits(data, columns)
    rows = np.flatnonzero(split_of >= 0)
    columns = {name: column.take(rows) for name, column in columns.items()} if len(rows) < len(split_of) else columns
    split_of, problems = split_of[rows], RowProblems(file, rows)
    targets = _targets(data, columns, split_of == 0, problems)
    groups = _groups(columns[data.group], data.group, problems) if data.group else None
    weights = weights_of(columns[data.weight], data.weight, problems) if data.weight else None
    names = columns[data.image]
    same = _add_contradictory_duplicates(data, names, targets, problems)
    root = Path(data.root).expanduser() if data.root else file.path.parent
    paths = _joined(root, names)
    sizes = _sizes(paths) if most_files is None or len(paths) <= most_files else np.zeros(len(paths), np.int64)
    _add_missing_files(data, names, paths, sizes, problems)
    problems.raise_any()
    if weights is not None and not weights[split_of == 0].any():
        raise make_error("data_mismatch", f"All weights of {file.path} are 0: nothing is learned.",
                         path="recipe.data.weight", remedy="leave `weight` out")  # fmt: skip
    if (sizes < 0).all():
        message = f"None of the {len(sizes):,} images of {file.path} is there, such as {paths[0]}."
        remedy = "--set recipe.data.root=FOLDER, the one that their paths begin in"
        raise make_error("data_missing", message, path="recipe.data.root", found=str(root), remedy=remedy)
    if isinstance(data.test_split, float):
        split_of = _with_test_share(data, targets, groups, split_of)
    return TableExamples(names, paths, sizes, split_of, targets, groups, weights, passed_over, same)


def _columns(data: TableData) -> dict[str, str]:
    """Return the columns that are read, and the setting that names each."""
    settings: dict[str, str] = {}
    for setting in ("image", "label", "labels", "values", "split", "group", "weight"):
        for column in _listed(getattr(data, setting)):
            settings.setdefault(column, setting)
    return settings


def _listed(columns: str | Sequence[str] | None) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns or ())


def _assigned_splits(data: TableData, columns: dict[str, pa.Array]) -> tuple[np.ndarray, Mapping[str, PassedOver]]:
    """Return the split of every row of the table, int8, -1 for one that is not read; and how many are not."""
    import pyarrow as pa
    from pyarrow import compute

    count = len(columns[data.image])
    if not count:
        raise make_error("data_empty", f"{data.path} has no rows.", path="recipe.data.path")
    if data.split is None:
        return np.zeros(count, np.int8), {}
    column = columns[data.split]
    validation = data.validation if isinstance(data.validation, str) else None
    wanted = {"train": data.train_split, "validation": validation, "test": data.test_split}
    split_of, others = np.full(count, -1, np.int8), np.ones(count, bool)
    for number, (split, value) in enumerate(wanted.items()):
        if value is None:
            continue
        here = compute.equal(column, pa.scalar(value, column.type)).fill_null(False).to_numpy(zero_copy_only=False)
        if not here.any():
            there = [each for each in compute.unique(column).to_pylist() if each]
            setting = "validation" if split == "validation" else f"{split}_split"
            raise make_error(
                "data_empty",
                f"No row of {data.path} is of the split {value!r}.",
                path=f"recipe.data.{setting}",
                expected=f"what the column {data.split} says: {enumerate_names([str(each) for each in there])}",
                found=str(value),
                nearest=nearest(value, [str(each) for each in there]),
                remedy=f"--set recipe.data.{setting}=NAME",
            )
        split_of[here], others = number, others & ~here
    counts = _rows_of_other_splits(data, columns, np.flatnonzero(others))
    return split_of, {"other": counts} if counts else {}


def _rows_of_other_splits(data: TableData, columns: dict[str, pa.Array], left: np.ndarray) -> PassedOver:
    """Return what the rows at `left` say in the column of splits, with how many say it and one of them."""
    assert data.split
    counts: dict[str, tuple[int, str]] = {}
    encoded = columns[data.split].take(left).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, first, number in zip(*np.unique(codes, return_index=True, return_counts=True), strict=True):
        value = encoded.dictionary[int(code)].as_py() if code >= 0 else ""
        reason = f"rows of the split {value!r}" if value else f"rows whose {data.split} is empty"
        reason = reason if len(counts) < _MOST_SPLITS else "rows of yet other splits"
        before, example = counts.get(reason, (0, text_of(columns[data.image], int(left[first]))))
        counts[reason] = (before + int(number), example)
    return counts


def _targets(data: TableData, columns: dict[str, pa.Array], train: np.ndarray, problems: RowProblems) -> TableTargets:
    if data.values is not None:
        return value_targets({name: columns[name] for name in _listed(data.values)}, problems)
    if isinstance(data.labels, tuple):
        return label_column_targets({name: columns[name] for name in data.labels}, problems)
    name = data.label or data.labels
    assert name
    if data.label and "list" in str(columns[name].type):
        raise make_error("data_mismatch", f"The column {name} holds lists; of `label` there is one a row.",
                         path="recipe.data.label", remedy=f"labels: {name}, and head.multi_label: true")  # fmt: skip
    if data.label:
        return class_targets(columns[name], name, data.classes, train, problems)
    return label_targets(columns[name], name, data.separator, data.classes, train, problems)


def _groups(column: pa.Array, name: str, problems: RowProblems) -> np.ndarray:
    encoded = column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    names = np.array([*encoded.dictionary.to_pylist(), ""])[codes]
    problems.add("data_mismatch", name, np.flatnonzero(names == ""), "there is no group.",
                 remedy="fill the cell, with a name of its own for an image of no group")  # fmt: skip
    return names


def _add_contradictory_duplicates(
    data: TableData, names: pa.Array, targets: TableTargets, problems: RowProblems
) -> int:
    """Note the rows that list an image of an earlier row with other targets; return how many repeat one alike."""
    codes = names.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    known, first_of = np.unique(codes, return_index=True)
    firsts = first_of[np.searchsorted(known, codes)]
    again = np.flatnonzero((firsts != np.arange(len(codes))) & (codes >= 0))
    flat = targets.array[:, np.newaxis] if targets.array.ndim == 1 else targets.array
    known_targets = (flat[again] >= 0) & (flat[firsts[again]] >= 0) if targets.kind == "classes" else True
    differs = ((flat[again] != flat[firsts[again]]) & known_targets).any(axis=1)
    problems.add(
        "data_mismatch",
        data.image,
        again[differs],
        lambda row: (
            f"{text_of(names, row)} is listed in row {int(problems.rows[firsts[row]]) + 1} already, as something else."
        ),
        expected=lambda row: _describe(targets, int(firsts[row])),
        found=lambda row: _describe(targets, row),
        remedy="remove one of the rows",
    )
    return int(len(again) - differs.sum())


def _describe(targets: TableTargets, row: int) -> str:
    target: Any = targets.array[row]
    if targets.kind == "classes":
        return targets.names[target]
    if targets.kind == "labels":
        return enumerate_names([targets.names[each] for each in np.flatnonzero(target)]) or "no labels"
    return ", ".join(f"{each:.6g}" for each in target[:6])


def _joined(root: Path, names: pa.Array) -> pa.Array:
    """Return paths below `root`, absolute ones as they are."""
    import pyarrow as pa
    from pyarrow import compute

    beginning = pa.scalar(str(root), pa.large_string())
    below = compute.binary_join_element_wise(beginning, names, pa.scalar("/", pa.large_string()))
    return compute.if_else(compute.starts_with(names, "/"), names, below)


def _sizes(paths: pa.Array) -> np.ndarray:
    """Return the sizes of files in bytes, int64 (N,), -1 for one that is not there."""

    def look(start: int) -> list[int]:
        return [_size(path) for path in paths[start : start + _PATHS_AT_ONCE].to_pylist()]

    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(look, range(0, len(paths), _PATHS_AT_ONCE)))
    return np.array([size for sizes in found for size in sizes], np.int64)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116, a Path for each of a million files takes its time
    except (OSError, TypeError, ValueError):  # no file, no path, or no path that could be one
        return -1


def _add_missing_files(
    data: TableData, names: pa.Array, paths: pa.Array, sizes: np.ndarray, problems: RowProblems
) -> None:
    """Note rows without a path, and images that are not there, unless that is all of them."""
    from pyarrow import compute

    empty = compute.equal(names, "").fill_null(True).to_numpy(zero_copy_only=False)
    problems.add("data_mismatch", data.image, np.flatnonzero(empty), "there is no path of an image.",
                 remedy="fill the cell, or remove the row")  # fmt: skip
    if data.on_unreadable == "stop" and (sizes >= 0).any():
        missing = np.flatnonzero((sizes < 0) & ~empty)
        problems.add("data_missing", data.image, missing, lambda row: f"there is no file {paths[row]}.",
                     remedy="--set recipe.data.on_unreadable=skip leaves such rows out")  # fmt: skip


def _with_test_share(
    data: TableData, targets: TableTargets, groups: np.ndarray | None, split_of: np.ndarray
) -> np.ndarray:
    """Return the splits of rows, a share of them to be evaluated on."""
    assert isinstance(data.test_split, float)
    by = np.zeros(len(split_of), np.int64) if targets.kind == "values" else targets.array
    test = held_out_positions(by, groups, data.test_split, seed=0)  # whatever the recipe's seed: to compare runs
    if not 0 < len(test) < len(split_of):
        what = "rows" if groups is None else "groups"
        raise make_error("data_empty", f"{data.path} has too few {what} to evaluate on {data.test_split} of them.",
                         path="recipe.data.test_split", remedy="a larger share, or a column `split`")  # fmt: skip
    divided = split_of.copy()
    divided[test] = SPLITS.index("test")
    return divided


def path_lists(paths: pa.Array, positions: np.ndarray) -> Iterator[list[str]]:
    """Yield paths at some positions, some thousands at a time."""
    for start in range(0, len(positions), _PATHS_AT_ONCE):
        yield paths.take(positions[start : start + _PATHS_AT_ONCE]).to_pylist()


__all__ = ["TableExamples", "path_lists", "read_examples"]
