"""The peak memory of this process, on the host and on its GPUs."""

from __future__ import annotations

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


def _host_peak() -> int:
    """Return the largest resident size: Linux's `VmHWM` if there is one, as `getrusage` also counts the parent's."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
