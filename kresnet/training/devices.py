"""What to train on: the strategy, and the precision that the hardware is good at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from kresnet.errors import fail

#: Units for bfloat16 products, as Linux names them: AMX tiles and AVX-512's dot product.
_BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16")


def make_strategy(distribution: str) -> Any:
    """The `tf.distribute` strategy that a recipe's `distribution` means on this machine.

    `mirrored` takes every GPU, or every logical CPU device where there is none; `auto` mirrors over two GPUs or more
    and otherwise uses one device.

    Raises:
        KresnetError: `environment` if `mirrored` finds a single device.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if distribution == "one_device" or (distribution == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if len(devices) < 2:
        raise fail(
            "environment",
            "`distribution: mirrored` needs two devices, and this machine shows one.",
            remedy="--set recipe.distribution=one_device",
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def resolve_precision(precision: str) -> str:
    """`auto` resolved: bfloat16 where every device has units for it, else float32."""
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability") for gpu in gpus]
        return "bfloat16" if all(c and c >= (8, 0) for c in capabilities) else "float32"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return "float32"
    return "bfloat16" if any(unit in flags for unit in _BFLOAT16_UNITS) else "float32"
