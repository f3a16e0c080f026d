"""The number type that a network computes in: what a recipe's `precision: auto` becomes on this machine, and why."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from kresnet.processor import cpu_bfloat16_units

#: NVIDIA's first generation with bfloat16 units, Ampere.
_GPU_CAPABILITY = (8, 0)


class Precision(NamedTuple):
    """Type of activations and products.

    Attributes:
        name: `float32`, `bfloat16` or `float16`.
        reason: why `auto` chose it; empty where the recipe names the type.
    """

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


def resolve_precision(precision: str) -> Precision:
    """Return what a recipe's `precision` means on this machine: `auto` is bfloat16 if all devices have units for it."""
    if precision != "auto":
        return Precision(precision)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        least = min(tf.config.experimental.get_device_details(gpu).get("compute_capability") or (0, 0) for gpu in gpus)
        return _choose_auto_precision(least >= _GPU_CAPABILITY, "compute capability {}.{}".format(*least))
    units = cpu_bfloat16_units()
    return _choose_auto_precision(bool(units), f"the CPU has {' and '.join(units) or 'no units for bfloat16'}")


def _choose_auto_precision(has_units: bool, reason: str) -> Precision:
    return Precision("bfloat16" if has_units else "float32", f"auto: {reason}")
