"""The memory of this process, on the host and on its GPUs: its peak, and what it holds now."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path

import tensorflow as tf


def peak_memory() -> dict[str, int]:
    """Return the peak memory of this process in bytes.

    Returns:
        `host`: the largest resident size of this process, TensorFlow itself included; and where there are GPUs
        `device`: the most memory that TensorFlow had in use on any one of them.
    """
    peaks = {"host": _host_peak()}
    if gpus := tf.config.list_logical_devices("GPU"):
        names = [gpu.name.removeprefix("/device:") for gpu in gpus]
        peaks["device"] = max(tf.config.experimental.get_memory_info(name)["peak"] for name in names)
    return peaks


def resident_memory() -> int:
    """Return the bytes that this process holds on the host now; its peak where the system does not say."""
    return _status("VmRSS") or _host_peak()


def release_memory() -> None:
    """Give memory of the host that nothing lies in back to the system, as far as the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak_memory() -> None:
    """Start the peaks that `peak_memory` returns anew, the host's where the system can (Linux)."""
    for gpu in tf.config.list_logical_devices("GPU"):
        tf.config.experimental.reset_memory_stats(gpu.name.removeprefix("/device:"))
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _host_peak() -> int:
    """Return the largest resident size: Linux's `VmHWM` if there is one, as `getrusage` also counts the parent's."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int | None:
    """Return a size from what Linux says of this process, in bytes; None on other systems."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return None
