"""Tables of a terminal that may be too narrow for them."""

from __future__ import annotations

import io

from kresnet import terminal
from kresnet.cli.table_layout import fitting_table


def test_a_row_that_does_not_fit_stands_below_the_other() -> None:
    table = fitting_table("name", "size", "", "words", right=("size",), wraps=("words",))
    table.add_row("first", "1,234,567", "50%", "one two three")
    table.add_row("second", "", "", "four")
    stream = io.StringIO()
    terminal.console(stream).print(table, width=30)
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "first", "  size: 1,234,567  50%", "  words: one two three", "second", "  words: four",
    ]  # fmt: skip
