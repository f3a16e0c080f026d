"""The cores of the processor that this process may use."""

from __future__ import annotations

import os


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


__all__ = ["usable_cores"]
