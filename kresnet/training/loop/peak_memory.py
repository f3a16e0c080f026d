"""The most memory that this process has held."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import tensorflow as tf


def peak_memory() -> dict[str, int]:
    """Bytes: `host`, the most of this process that was in the machine's memory at once, TensorFlow itself included;
    and where there are GPUs `device`, the most that TensorFlow had in use on one of them.
    """
    found = {"host": _host_peak()}
    if gpus := tf.config.list_logical_devices("GPU"):
        names = [gpu.name.removeprefix("/device:") for gpu in gpus]
        found["device"] = max(tf.config.experimental.get_memory_info(name)["peak"] for name in names)
    return found


def _host_peak() -> int:
    """Linux's own mark where there is one: `getrusage` also counts what the parent held when it started this one."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
