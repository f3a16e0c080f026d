"""Predictions in a file, written as they are made: CSV, JSON lines or Parquet, by the file's ending.

A row an image, in their order. The columns are `image`, `class_id`, `label` and `probability` of the likeliest class,
`probability_NAME` of every class, and `error`: for a file that could not be read it says why, and the others are empty.
In JSON lines a row is what `kresnet predict --json` prints of an image, or `image` and `error`. The file takes its
name, whole and flushed, when the last row is written.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.errors import Problem, make_error
from kresnet.files import refuse_existing, staged_file, translate_os_errors

if TYPE_CHECKING:
    from kresnet.evaluation.predict import PredictedFiles

#: Values of probabilities in a row group of a Parquet file, about: a few mebibytes.
_GROUP_VALUES = 2**20

WriteBatch = Callable[["PredictedFiles"], None]


def require_prediction_file(path: Path) -> None:
    """Make sure that predictions can be written to a file of this name.

    Raises:
        KresnetError: `bad_option` for another ending, `output_exists`.
    """
    if path.suffix.lower() not in _WRITERS:
        endings = ", ".join(_WRITERS)
        raise make_error(
            "bad_option", f"-o {path} says no format of predictions.", expected=f"a name that ends in {endings}"
        )
    refuse_existing(path)


def write_prediction_file(
    path: Path, predictions: Iterable[PredictedFiles], class_names: Sequence[str]
) -> Iterator[PredictedFiles]:
    """Write predictions to a file as they come, and yield each batch once it is written.

    Args:
        path: the file; its ending says the format, `.csv`, `.jsonl` or `.parquet`.
        predictions: what `kresnet.evaluation.predict.predict_files` yields.
        class_names: names of the network's classes, in order.

    Raises:
        KresnetError: as `require_prediction_file`; `disk_full` or `not_writable`. Then no file is left.
    """
    require_prediction_file(path)
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(path) as staged, _WRITERS[path.suffix.lower()](staged, class_names) as write:
        for batch in predictions:
            write(batch)
            yield batch


@contextmanager
def _csv_writer(path: Path, class_names: Sequence[str]) -> Iterator[WriteBatch]:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_column_names(class_names))
        yield lambda batch: rows.writerows(
            ["" if value is None else str(value) for value in row] for row in zip(*_columns(batch), strict=True)
        )


@contextmanager
def _json_lines_writer(path: Path, _class_names: Sequence[str]) -> Iterator[WriteBatch]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda batch: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.as_dicts())


@contextmanager
def _parquet_writer(path: Path, class_names: Sequence[str]) -> Iterator[WriteBatch]:
    import pyarrow
    import pyarrow.parquet

    types = {"image": pyarrow.string(), "class_id": pyarrow.int64(), "label": pyarrow.string()}
    types["error"] = pyarrow.string()
    names = _column_names(class_names)
    schema = pyarrow.schema([(name, types.get(name, pyarrow.float32())) for name in names])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        waiting: list[Any] = []

        def flush() -> None:
            if waiting:
                writer.write_table(pyarrow.Table.from_batches(waiting))
                waiting.clear()

        def write(batch: PredictedFiles) -> None:
            columns = zip(_columns(batch), schema.types, strict=True)
            arrays = [pyarrow.array(values, kind) for values, kind in columns]
            waiting.append(pyarrow.record_batch(arrays, schema=schema))
            if sum(each.num_rows for each in waiting) * len(names) >= _GROUP_VALUES:
                flush()

        yield write
        flush()


_WRITERS = {".csv": _csv_writer, ".jsonl": _json_lines_writer, ".parquet": _parquet_writer}


def _column_names(class_names: Sequence[str]) -> list[str]:
    return ["image", "class_id", "label", "probability", *(f"probability_{name}" for name in class_names), "error"]


def _error_text(problem: Problem | None) -> str | None:
    return f"{problem.message} [{problem.code}]" if problem else None


def _columns(batch: PredictedFiles) -> list[list[Any]]:
    """Return the columns of some rows, in the order of `_column_names`; None where a row has no value."""
    count = len(batch.paths)
    readable = [place not in batch.problems for place in range(count)]
    best = batch.probabilities.argmax(axis=1).tolist()
    values: list[list[Any]] = [best, [batch.class_names[each] for each in best]]
    values += [list(batch.probabilities.max(axis=1)), *map(list, batch.probabilities.T)]
    return [
        list(batch.paths),
        *([value if there else None for there, value in zip(readable, each, strict=True)] for each in values),
        [_error_text(batch.problems.get(place)) for place in range(count)],
    ]


__all__ = ["require_prediction_file", "write_prediction_file"]
