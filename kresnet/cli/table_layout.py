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
    """A table with one rule, under its header; `right` columns hold figures, only `wraps` columns may fold."""
    table = _FittingTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        justify: Any = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column not in wraps, overflow="fold")
    return table


class _FittingTable(Table):
    """A table that crops nothing; its cells are strings."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._needed() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        for place in range(self.row_count):
            yield from self._stacked(place, options.max_width)

    def _needed(self) -> int:
        """Cells that the columns take, those of words at their narrowest, with three between them."""
        widths = []
        for column in self.columns:
            lines = [line for cell in (column.header, *column.cells) for line in str(cell).splitlines()]
            width = max(map(cell_len, lines), default=0)
            widths.append(width if column.no_wrap else min(width, _WORDS))
        return sum(widths) + 3 * (len(widths) - 1)

    def _stacked(self, place: int, width: int) -> Iterator[RenderableType]:
        """A row: the first column's value, and below it, indented, what the others say."""
        cells = [str(list(column.cells)[place]) for column in self.columns]
        lines: list[str] = []
        for column, cell in zip(self.columns[1:], cells[1:], strict=True):
            told = f"{column.header}: {cell}" if column.header else cell
            if lines and cell and cell_len(lines[-1]) + 2 + cell_len(told) <= width - 2:
                lines[-1] += f"  {told}"
            elif cell:
                lines.append(told)
        yield Text(cells[0], style="bold")
        yield Padding(Text("\n".join(lines)), (0, 0, 0, 2))
