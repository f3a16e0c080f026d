"""What a table says is to be learned of each row, as an array: classes, independent labels, or values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.data.tables.row_problems import RowProblems
from kresnet.data.tables.table_file import text_of
from kresnet.errors import nearest

if TYPE_CHECKING:
    import pyarrow as pa

#: A number as CSV files have them.
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_WHOLE = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True)
class TableTargets:
    """What is to be learned of each row.

    Attributes:
        kind: `classes`, `labels` or `values`.
        array: int32 (N,), the classes; uint8 (N, labels), 0 or 1; or float32 (N, values).
        names: of classes or labels, in order.
    """

    kind: str
    array: np.ndarray
    names: tuple[str, ...] = ()


def class_targets(
    column: pa.Array, name: str, known: Sequence[str] | None, train: np.ndarray, problems: RowProblems
) -> TableTargets:
    """Return the classes of a column that names one in each row.

    Args:
        column: large_string (N,).
        name: of the column.
        known: names of the classes, in order; None for those of the training rows.
        train: bool (N,), which rows are trained on.
        problems: receives empty cells, and classes that are none.
    """
    encoded = column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found = encoded.dictionary.to_pylist()
    empty = np.array([not each.strip() for each in found] + [True])[codes]  # the last stands for null, code -1
    problems.add("data_mismatch", name, np.flatnonzero(empty), "there is no label.", remedy="fill the cell")
    names = list(known) if known else _sorted_names([found[code] for code in np.unique(codes[train & ~empty])])
    numbers = _numbers_of(found, names)
    array = np.append(numbers, -1)[codes].astype(np.int32)
    _add_unknown(name, np.flatnonzero((array < 0) & ~empty), lambda row: [found[codes[row]]], names, known, problems)
    return TableTargets("classes", array, tuple(names))


def label_targets(
    column: pa.Array, name: str, separator: str, known: Sequence[str] | None, train: np.ndarray, problems: RowProblems
) -> TableTargets:
    """Return the independent labels of a column that lists those that a row has.

    Args:
        column: large_string (N,), or lists of it; blanks around a label are dropped, an empty cell means none of them.
        name: of the column.
        separator: what stands between two labels of a text.
        known: names of the labels, in order; None for those of the training rows.
        train: bool (N,), which rows are trained on.
        problems: receives labels that are none.
    """
    import pyarrow as pa
    from pyarrow import compute

    lists = column if pa.types.is_large_list(column.type) else compute.split_pattern(column, separator)
    rows = compute.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    encoded = compute.utf8_trim_whitespace(compute.list_flatten(lists)).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found = encoded.dictionary.to_pylist()
    named = np.array([bool(each) for each in found] + [False])[codes]
    rows, codes = rows[named], codes[named]
    names = list(known) if known else _sorted_names([found[code] for code in np.unique(codes[train[rows]])])
    numbers = _numbers_of(found, names)[codes] if len(codes) else codes
    unknown = np.unique(rows[numbers < 0])
    _add_unknown(
        name,
        unknown,
        lambda row: [found[each] for each in codes[(rows == row) & (numbers < 0)]],
        names,
        known,
        problems,
    )
    array = np.zeros((len(column), len(names)), np.uint8)
    array[rows[numbers >= 0], numbers[numbers >= 0]] = 1
    return TableTargets("labels", array, tuple(names))


def label_column_targets(columns: dict[str, pa.Array], problems: RowProblems) -> TableTargets:
    """Return the independent labels of columns, one a label, in each of which stands 0 or 1, or false or true."""
    array = np.zeros((len(next(iter(columns.values()))), len(columns)), np.uint8)
    for number, (name, column) in enumerate(columns.items()):
        values = _as_numbers(column, flags=True)
        wrong = ~np.isin(values, (0, 1))
        problems.add("data_mismatch", name, np.flatnonzero(wrong), "a label is there or not.", expected="0 or 1",
                     found=partial(text_of, column))  # fmt: skip
        array[:, number] = np.where(wrong, 0, values)
    return TableTargets("labels", array, tuple(columns))


def value_targets(columns: dict[str, pa.Array], problems: RowProblems) -> TableTargets:
    """Return the numbers to predict: one a column, or those of a column of lists of one length."""
    parts = []
    for name, column in columns.items():
        values = _list_numbers(name, column, problems) if "list" in str(column.type) else _as_numbers(column)
        wrong = ~np.isfinite(values.astype(np.float32)).reshape(len(values), -1).all(axis=1)
        problems.add("data_mismatch", name, np.flatnonzero(wrong), "no number stands here.", expected="a finite number",
                     found=partial(text_of, column))  # fmt: skip
        parts.append(values.reshape(len(values), -1))
    return TableTargets("values", np.concatenate(parts, axis=1).astype(np.float32))


def weights_of(column: pa.Array, name: str, problems: RowProblems) -> np.ndarray:
    """Return the weights in a column, float32 (N,)."""
    values = _as_numbers(column)
    wrong = ~(np.isfinite(values) & (values >= 0))
    problems.add("data_mismatch", name, np.flatnonzero(wrong), "no weight stands here.", expected="a number, 0 or more",
                 found=partial(text_of, column))  # fmt: skip
    return values.astype(np.float32)


def _list_numbers(name: str, column: pa.Array, problems: RowProblems) -> np.ndarray:
    """Return lists of numbers, float64 (N, length); rows whose list has another length than the first are told."""
    from pyarrow import compute

    lengths = compute.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    length = int(lengths[0]) if len(lengths) else 0
    other = np.flatnonzero(lengths != length)
    problems.add("data_mismatch", name, other, "the list has another length than the first row's.",
                 expected=f"{length} numbers", found=lambda row: f"{lengths[row]}")  # fmt: skip
    if len(other) or not length:
        return np.zeros((len(column), max(length, 1)))
    return compute.list_flatten(column).to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, length)


def _as_numbers(column: pa.Array, *, flags: bool = False) -> np.ndarray:
    """Return a column as float64 (N,), nan where no number stands; with `flags` false and true are 0 and 1."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_large_string(column.type):
        if flags:
            lower = compute.utf8_lower(compute.utf8_trim_whitespace(column))
            column = compute.if_else(compute.equal(lower, "true"), "1", column)
            column = compute.if_else(compute.equal(lower, "false"), "0", column)
        number = compute.match_substring_regex(column, _NUMBER)
        column = compute.utf8_trim_whitespace(compute.if_else(number, column, None)).cast(pa.float64())
    return column.fill_null(np.nan).to_numpy(zero_copy_only=False).astype(np.float64)


def _sorted_names(names: Sequence[str]) -> list[str]:
    """Return names in order: as numbers where all of them are whole numbers."""
    if all(_WHOLE.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def _numbers_of(found: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the number of each name that was found, -1 for one that is none of `names`."""
    number_of = {name: number for number, name in enumerate(names)}
    return np.array([number_of.get(name, -1) for name in found], np.int64)


def _add_unknown(
    column: str,
    positions: np.ndarray,
    found: Callable[[int], list[str]],
    names: Sequence[str],
    known: Sequence[str] | None,
    problems: RowProblems,
) -> None:
    """Note that rows have labels that are none, of which `found` gives those of a row."""
    what = "`classes` does not name" if known else "no training row has"
    problems.add(
        "data_mismatch",
        column,
        positions,
        lambda row: f"{what} the label {enumerate_names([repr(each) for each in found(row)])}.",
        expected=enumerate_names(names),
        nearest=lambda row: nearest(found(row)[0], names),
    )


__all__ = [
    "TableTargets",
    "class_targets",
    "label_column_targets",
    "label_targets",
    "value_targets",
    "weights_of",
]
