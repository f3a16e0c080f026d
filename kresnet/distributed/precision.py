"""In which type a network computes: what a recipe's `auto` becomes on this machine, and why."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

#: Units for bfloat16 products, as Linux names them: AMX tiles and AVX-512's dot product.
_CPU_UNITS = ("amx_bf16", "avx512_bf16")
#: NVIDIA's first generation with bfloat16 units, Ampere.
_GPU_CAPABILITY = (8, 0)


class Precision(NamedTuple):
    """`float32`, `bfloat16` or `float16`, and where `auto` chose it, the reason."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


def resolve_precision(precision: str) -> Precision:
    """The recipe's `precision` on this machine: `auto` is bfloat16 where all devices have units for it."""
    if precision != "auto":
        return Precision(precision)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        found = [tf.config.experimental.get_device_details(gpu).get("compute_capability") or (0, 0) for gpu in gpus]
        return _chosen(min(found) >= _GPU_CAPABILITY, "compute capability {}.{}".format(*min(found)))
    units = cpu_units()
    return _chosen(bool(units), f"the CPU has {' and '.join(units) or 'no units for bfloat16'}")


def cpu_units() -> list[str]:
    """Which units for bfloat16 products this CPU has; none where Linux does not tell."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split()
    except OSError:
        return []
    return [unit for unit in _CPU_UNITS if unit in flags]


def _chosen(has_units: bool, reason: str) -> Precision:
    return Precision("bfloat16" if has_units else "float32", f"auto: {reason}")
