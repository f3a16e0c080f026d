"""The table of faults: what was tried, and what was lost."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Row:
    """One kind of fault: what was done, and what was lost."""

    fault: str
    tried: str
    lost: str


def table(rows: Iterable[Row]) -> str:
    lines = ["| fault | tried | lost |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.fault} | {row.tried} | {row.lost} |" for row in rows)])


def environment() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy"))
    return f"Python {platform.python_version()}, {packages}; {platform.system()} {platform.release()}"
