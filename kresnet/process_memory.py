"""The memory of this process on the host: what it holds now, the most it held, and what it can give back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path


def resident_memory() -> int:
    """Return the bytes that this process holds now; its peak where the system does not say."""
    return _status("VmRSS") or peak_resident_memory()


def peak_resident_memory() -> int:
    """Return the most bytes that this process held: Linux's `VmHWM`, as `getrusage` counts its parent's as well."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_resident_memory() -> None:
    """Start `peak_resident_memory` anew where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def release_memory() -> None:
    """Give memory that nothing lies in back to the system, as far as the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _status(name: str) -> int | None:
    """Return a size from what Linux says of this process, in bytes; None on other systems."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return None
