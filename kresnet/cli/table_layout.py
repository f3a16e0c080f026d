"""Tables that fit: side by side where there is room, else each row as a few lines of `column: value`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

#: Cells that a column of words needs to be read without strain.
_WORDS = 20


def fitting_table(*columns: str, right: Sequence[str] = (), wraps: Sequence[str] = ()) -> Table:
    """Return a table that shows its rows one below the other, as lines of text, where the terminal is too narrow.

    Args:
        columns: the headers.
        right: columns that hold figures, aligned to the right.
        wraps: columns whose cells may be broken into several lines; no other cell is.
    """
    table = _FittingTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        justify: Any = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column not in wraps, overflow="fold")
    return table


class _FittingTable(Table):
    """A table of strings that crops nothing."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._required_width() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        for place in range(self.row_count):
            yield from self._stack_row(place, options.max_width)

    def _required_width(self) -> int:
        """Return the width of all columns, those of words at their narrowest, with three cells between columns."""
        widths = []
        for column in self.columns:
            lines = [line for cell in (column.header, *column.cells) for line in str(cell).splitlines()]
            width = max(map(cell_len, lines), default=0)
            widths.append(width if column.no_wrap else min(width, _WORDS))
        return sum(widths) + 3 * (len(widths) - 1)

    def _stack_row(self, place: int, width: int) -> Iterator[RenderableType]:
        """Yield one row as lines: the first column's value, and below it, indented, `column: value` of the others."""
        cells = [str(list(column.cells)[place]) for column in self.columns]
        lines: list[str] = []
        for column, cell in zip(self.columns[1:], cells[1:], strict=True):
            entry = f"{column.header}: {cell}" if column.header else cell
            if lines and cell and cell_len(lines[-1]) + 2 + cell_len(entry) <= width - 2:
                lines[-1] += f"  {entry}"
            elif cell:
                lines.append(entry)
        yield Text(cells[0], style="bold")
        yield Padding(Text("\n".join(lines)), (0, 0, 0, 2))
