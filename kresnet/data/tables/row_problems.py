"""Collects what is wrong with rows of a table, to be told all at once, with row, column and line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kresnet.data.tables.table_file import TableFile
from kresnet.errors import MOST_PROBLEMS, KresnetError, Problem


@dataclass(frozen=True, slots=True)
class RowProblems:
    """What is wrong with rows of a table.

    Attributes:
        file: the table.
        rows: integers (N,), the row in the file of each row that is looked at; others are not read.
    """

    file: TableFile
    rows: np.ndarray
    _found: list[tuple[int, str, str, str, dict[str, Any]]] = field(default_factory=list)

    def add(
        self,
        code: str,
        column: str,
        positions: np.ndarray,
        message: str | Callable[[int], str],
        **details: str | Callable[[int], str],
    ) -> None:
        """Note that something is wrong with some rows.

        Args:
            code: of the problem.
            column: in which it is.
            positions: integers, which of the rows that are looked at.
            message: what is wrong; or a function of a position.
            details: what else `Problem` takes, text or functions of a position.
        """
        for position in positions[: MOST_PROBLEMS + 1].tolist():
            texts = {name: each if isinstance(each, str) else each(position) for name, each in details.items()}
            text = message if isinstance(message, str) else message(position)
            self._found.append((int(self.rows[position]), column, code, text, texts))

    def raise_any(self) -> None:
        """Raise what was found, in the order of the rows.

        Raises:
            KresnetError: of all problems.
        """
        if not self._found:
            return
        found = sorted(self._found, key=lambda each: each[0])[: MOST_PROBLEMS + 1]
        places = self.file.places(row for row, *_ in found)
        raise KresnetError(
            Problem(code, f"Row {row + 1}, column {column}: {message}", place=places[row], **details)
            for row, column, code, message, details in found
        )


__all__ = ["RowProblems"]
