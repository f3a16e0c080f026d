"""Reads columns of a table, whatever its format, and says in which line of the file a row stands.

pyarrow is imported when a table is read. Cells stay in its arrays: no Python object is made for each of them, unless
something is wrong with the file.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.data.class_names import enumerate_names
from kresnet.errors import MOST_PROBLEMS, KresnetError, Place, Problem, make_error, nearest

if TYPE_CHECKING:
    import pyarrow as pa

#: Ending of a file's name -> its format.
FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
#: Endings of compressed files, which pyarrow unpacks while it reads.
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
#: What may stand between the cells of a `.csv` file: the one that its first line has most of.
_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 24


class TableFile:
    """A table on disk.

    Attributes:
        path: the file.
        format: `csv`, `tsv`, `jsonl` or `parquet`.
    """

    def __init__(self, path: Path) -> None:
        """Make sure that the file is there, and of a format that is read.

        Raises:
            KresnetError: `data_missing` or `data_mismatch`.
        """
        self.path = path
        suffixes = [suffix.lower() for suffix in path.suffixes]
        ending = next((suffix for suffix in reversed(suffixes) if suffix not in _COMPRESSED), "")
        if not path.is_file():
            there = (
                sorted(each.name for each in path.parent.glob("*") if each.is_file()) if path.parent.is_dir() else []
            )
            raise make_error("data_missing", f"There is no file {path}.", path="recipe.data.path",
                             nearest=nearest(path.name, there), remedy="--set recipe.data.path=FILE")  # fmt: skip
        if ending not in FORMATS:
            raise make_error("data_mismatch", f"{path} is no table by its ending.", path="recipe.data.path",
                             expected=", ".join(FORMATS), found=path.suffix or "none",
                             remedy="save it as CSV, TSV, JSON lines or Parquet, its name ending so")  # fmt: skip
        self.format = FORMATS[ending]

    def column_names(self) -> list[str]:
        """Return the names of the columns, in order; of JSON lines those of the first 100 lines."""
        with self._reading():
            if self.format == "parquet":
                import pyarrow.parquet as pq

                return list(pq.read_schema(self.path).names)
            if self.format == "jsonl":
                lines = (line for _, line in zip(range(100), self._json_lines(), strict=False))
                return list(dict.fromkeys(name for _, values in lines if isinstance(values, dict) for name in values))
            with self._text() as text:
                header: list[str] = next(csv.reader(text, delimiter=self._delimiter()), [])
        return header

    def head(self, rows: int) -> dict[str, list[Any]]:
        """Return the first rows, column by column: text of a CSV file, else values of the types that they have."""
        with self._reading():
            if self.format == "parquet":
                import pyarrow.parquet as pq

                batch = next(pq.ParquetFile(self.path).iter_batches(batch_size=rows), None)
                return batch.to_pydict() if batch else {name: [] for name in self.column_names()}
            lines = self._json_lines() if self.format == "jsonl" else self._csv_lines()
            found = [values for _, (_, values) in zip(range(rows), lines, strict=False) if isinstance(values, dict)]
        return {name: [each.get(name) for each in found] for name in self.column_names()}

    def read(self, texts: Sequence[str], numbers: Sequence[str]) -> dict[str, pa.Array]:
        """Read columns.

        Args:
            texts: columns of text; numbers in them are written out. A column of lists stays one, of texts.
            numbers: columns of numbers.

        Returns:
            Each column as one array: large_string, or a list of them; float64, or list of them. A column of
            numbers in which something else stands is large_string.

        Raises:
            KresnetError: `data_mismatch` for lines that cannot be read, each named.
        """
        import pyarrow as pa

        with self._reading():
            try:
                table = self._read(texts, numbers)
            except pa.ArrowInvalid:
                if self.format == "parquet":
                    raise
                table = self._read_in_doubt(texts, numbers)
            if self.format in ("csv", "tsv") and (empty := [name for name in numbers if table[name].null_count]):
                table = self._read(texts, numbers, empty)  # to show what stands there
        numeric = set(numbers)
        return {name: self._one_array(name, table[name], name in numeric) for name in dict.fromkeys([*texts, *numbers])}

    def places(self, rows: Iterable[int]) -> dict[int, Place]:
        """Return where in the file rows stand, counted from 0 without the header: the line, where there are lines."""
        wanted = sorted(set(rows))
        if self.format == "parquet" or not wanted:
            return {row: Place(str(self.path)) for row in wanted}
        lines, places, position = self._lines_of_rows(), {}, -1
        for row in wanted:
            line = None
            while position < row:
                position, line = position + 1, next(lines, None)
            places[row] = Place(str(self.path), line)
        return places

    def _read(self, texts: Sequence[str], numbers: Sequence[str], as_text: Sequence[str] = ()) -> pa.Table:
        """Read columns; `as_text` are numbers of a CSV file that are read as they stand there."""
        import pyarrow as pa

        columns = list(dict.fromkeys([*texts, *numbers]))
        if self.format == "parquet":
            import pyarrow.parquet as pq

            return pq.read_table(self.path, columns=columns)
        with pa.input_stream(str(self.path)) as stream:
            if self.format == "jsonl":
                from pyarrow import json as arrow_json

                table = arrow_json.read_json(stream, arrow_json.ReadOptions(block_size=_BLOCK_BYTES))
                return pa.table({name: table[name] if name in table.column_names else pa.nulls(len(table))
                                 for name in columns})  # fmt: skip
            from pyarrow import csv as arrow_csv

            schema = {name: pa.string() for name in texts} | {
                name: pa.string() if name in as_text else pa.float64() for name in numbers if name not in texts
            }
            return arrow_csv.read_csv(
                stream,
                arrow_csv.ReadOptions(block_size=_BLOCK_BYTES),
                arrow_csv.ParseOptions(delimiter=self._delimiter()),
                arrow_csv.ConvertOptions(include_columns=columns, column_types=schema),
            )

    def _read_in_doubt(self, texts: Sequence[str], numbers: Sequence[str]) -> pa.Table:
        """Read columns of a file that is not as it should be, line by line: what is wrong is named, or was nothing."""
        import pyarrow as pa

        cells: dict[str, list[Any]] = {name: [] for name in dict.fromkeys([*texts, *numbers])}
        places, problems = [], []
        for place, values in self._json_lines() if self.format == "jsonl" else self._csv_lines():
            if isinstance(values, str):
                problems.append(Problem("data_mismatch", values, place=place))
                if len(problems) > MOST_PROBLEMS:
                    break
                continue
            places.append(place)
            for name, column in cells.items():
                column.append(values.get(name))
        if problems := problems or [each for name in texts for each in _mixed_types(name, cells[name], places)]:
            raise KresnetError(problems)
        return pa.table({name: _text_array(values) for name, values in cells.items()})

    def _csv_lines(self) -> Iterator[tuple[Place, dict[str, str] | str]]:
        """Yield for each row its place, and its cells by name, or what is wrong with it."""
        with self._text() as text:
            reader = csv.reader(text, delimiter=self._delimiter(), strict=True)
            header = next(reader, [])
            while True:
                place = Place(str(self.path), reader.line_num + 1)
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield place, f"The row cannot be read: {error}."
                    return
                if len(row) == len(header):
                    yield place, dict(zip(header, row, strict=True))
                elif row:
                    yield place, f"The row has {len(row)} cells, and the header {len(header)}."

    def _json_lines(self) -> Iterator[tuple[Place, dict[str, Any] | str]]:
        """Yield for each line that is not blank its place, and its values by name, or what is wrong with it."""
        with self._text() as text:
            for number, line in enumerate(text, start=1):
                if not line.strip():
                    continue
                place = Place(str(self.path), number)
                try:
                    values = json.loads(line)
                except ValueError as error:
                    yield place, f"The line is no JSON: {error}."
                    continue
                yield place, values if isinstance(values, dict) else "The line is no JSON object."

    def _lines_of_rows(self) -> Iterator[int | None]:
        for place, _ in self._json_lines() if self.format == "jsonl" else self._csv_lines():
            yield place.line

    def _one_array(self, name: str, column: pa.ChunkedArray, numeric: bool) -> pa.Array:
        """Return a column as one array of the type that `read` promises."""
        import pyarrow as pa

        array, types = column.combine_chunks(), pa.types
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        number = types.is_integer(array.type) or types.is_floating(array.type) or types.is_boolean(array.type)
        try:
            if types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type):
                inner = pa.float64() if numeric else pa.large_string()
                return array.cast(pa.large_list(inner))
            return array.cast(pa.float64() if numeric and number else pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise make_error("data_mismatch", f"The column {name} of {self.path} has another type.",
                             expected="numbers" if numeric else "text", found=str(column.type)) from None  # fmt: skip

    def _delimiter(self) -> str:
        if self.format == "tsv":
            return "\t"
        with self._text() as text:
            header = text.readline()
        return max(_DELIMITERS, key=header.count)

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        import pyarrow as pa

        with pa.input_stream(str(self.path)) as stream:
            yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what is wrong with the file as a whole into a problem."""
        import pyarrow as pa

        try:
            yield
        except UnicodeDecodeError:
            raise make_error("data_mismatch", f"{self.path} is not UTF-8 text.", path="recipe.data.path",
                             remedy="save it as UTF-8") from None  # fmt: skip
        except (OSError, EOFError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
            raise make_error("data_mismatch", f"{self.path} cannot be read as {self.format}: {reason}.",
                             path="recipe.data.path") from None  # fmt: skip


def require_columns(file: TableFile, wanted: dict[str, str]) -> None:
    """Make sure that the table has columns, and each once.

    Args:
        file: the table.
        wanted: the setting that names it, by the column's name.

    Raises:
        KresnetError: `data_mismatch` for each column that is not there or there twice.
    """
    names = file.column_names()
    shown = enumerate_names(names, 20) or "none"
    problems = []
    for name, setting in wanted.items():
        count = names.count(name)
        if count > 1:
            problems.append(Problem("data_mismatch", f"{file.path} has {count} columns {name!r}.",
                                    path=f"recipe.data.{setting}", remedy="rename one of them"))  # fmt: skip
        elif not count:
            problems.append(Problem("data_mismatch", f"{file.path} has no column {name!r}.",
                                    path=f"recipe.data.{setting}", expected=f"one of {shown}", found=name,
                                    nearest=nearest(name, names),
                                    remedy=f"--set recipe.data.{setting}=COLUMN"))  # fmt: skip
    if problems:
        raise KresnetError(problems)


def _mixed_types(name: str, values: list[Any], places: list[Place]) -> Iterator[Problem]:
    """Yield a problem for each value of a column that is of another type than most."""
    kinds = [_kind(value) for value in values]
    counts = Counter(kind for kind in kinds if kind)
    if len(counts) < 2:
        return
    usual = counts.most_common(1)[0][0]
    for row, kind in enumerate(kinds):
        if kind not in ("", usual):
            message = f"Row {row + 1}, column {name}: {kind}, where most rows have {usual}."
            yield Problem("data_mismatch", message, place=places[row], expected=usual, found=_text(values[row]) or "")


def _kind(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case bool():
            return "true or false"
    return "a number"


def _text_array(values: list[Any]) -> pa.Array:
    """Return what a column of JSON holds as text, or as lists of it, where pyarrow finds no type for it."""
    import pyarrow as pa

    if any(isinstance(value, list) for value in values):
        lists = [value if value is None or isinstance(value, list) else [value] for value in values]
        return pa.array([None if each is None else [_text(item) for item in each] for each in lists],
                        pa.list_(pa.string()))  # fmt: skip
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def text_of(column: pa.Array, row: int) -> str:
    """Return what stands in a cell, for people."""
    value = column[row].as_py()
    if isinstance(value, float) and np.isfinite(value) and value == int(value):
        value = int(value)
    return "nothing" if value in (None, "") else str(value)


__all__ = ["FORMATS", "TableFile", "require_columns", "text_of"]
