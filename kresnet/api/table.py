"""Mappings in a list, which print, and which a notebook shows, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kresnet.plan.tables import html_table, text_table

#: Of a longer table the first and the last rows are shown.
SHOWN, ENDS = 64, 10


class Table(list[dict[str, Any]]):
    """A list of mappings, one a row. `pandas.json_normalize(table)` makes a data frame of it."""

    def __init__(self, rows: Iterable[dict[str, Any]], shown: Sequence[str] = ()) -> None:
        """`shown`: the columns to show, by path as for `column`; all by default."""
        super().__init__(rows)
        self._shown = tuple(shown)

    def column(self, path: str) -> list[Any]:
        """Return one value of every row that has it, by its path within the row: `test.accuracy`.

        Examples:
            >>> Table([{"test": {"loss": 0.5}}, {"test": {"loss": 0.25}}]).column("test.loss")
            [0.5, 0.25]
        """
        return [flat[path] for flat in map(_flat, self) if path in flat]

    def __str__(self) -> str:
        """The rows as a table of text."""
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells())

    def _cells(self) -> tuple[Sequence[str], list[list[str]], set[str]]:
        """Headings, cells, and which columns hold figures."""
        flat = [_flat(row) for row in self]
        shown = self._shown or tuple(dict.fromkeys(path for row in flat for path in row))
        values = [[row.get(path) for path in shown] for row in flat]
        columns = dict(zip(shown, zip(*values, strict=True), strict=True)) if values else {}
        figures = {
            name
            for name, values in columns.items()
            if all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
        }
        cells = [[_format_value(value) for value in row] for row in values]
        if len(cells) > SHOWN:
            left_out = [f"… {len(cells) - 2 * ENDS} more", *[""] * (len(shown) - 1)]
            cells = [*cells[:ENDS], left_out, *cells[-ENDS:]]
        return shown, cells, figures


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Dotted path -> value."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return flat


def _format_value(value: Any) -> str:
    """Return a value as the text of a cell."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return ", ".join(map(_format_value, value))
    return str(value)


__all__ = ["Table"]
