"""Tables of cells as plain text, and as HTML for a notebook, whose own colours show through."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

#: The texts of one line.
Cells = Sequence[str]


def text_table(columns: Cells, lines: Sequence[Cells], right: Collection[str] = ()) -> str:
    """Return a table as plain text, with a rule under its header; columns named in `right` are aligned right."""
    widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
    header, *rest = [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(columns, cells, widths, strict=True)
        ).rstrip()
        for cells in (columns, *lines)
    ]
    return "\n".join([header, "─" * (sum(widths) + 2 * (len(widths) - 1)), *rest])


def html_table(
    columns: Cells, lines: Sequence[Cells], right: Collection[str] = (), strong: Collection[int] = ()
) -> str:
    """Return a table as HTML; columns named in `right` are aligned right, lines numbered in `strong` are bold."""
    sides = [f"text-align:{'right' if name in right else 'left'}" for name in columns]

    def line_of(cells: Cells, tag: str, weight: str = "") -> str:
        pairs = zip(sides, cells, strict=True)
        marked = (f'<{tag} style="{side}{weight}">{escape(cell)}</{tag}>' for side, cell in pairs)
        return f"<tr>{''.join(marked)}</tr>"

    body = (line_of(cells, "td", ";font-weight:600" * (n in strong)) for n, cells in enumerate(lines))
    return f"<table><thead>{line_of(columns, 'th')}</thead><tbody>{''.join(body)}</tbody></table>"


__all__ = ["Cells", "html_table", "text_table"]
