"""The precisions that speeds are measured in: kresnet's, and float32 with and without a GPU's TF32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True, slots=True)
class DevicePrecision:
    """A precision.

    Attributes:
        name: as reports show it.
        recipe: what a recipe calls it.
        tf32: whether a GPU may round float32's factors to TF32.
    """

    name: str
    recipe: str
    tf32: bool = False

    @property
    def dtype(self) -> Any:
        """Type of activations and products."""
        return tf.as_dtype(self.recipe)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Allow TF32, or do not; afterwards it is as before."""
        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(self.tf32)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)


FLOAT32, TF32 = DevicePrecision("float32", "float32"), DevicePrecision("TF32", "float32", tf32=True)
BFLOAT16, FLOAT16 = DevicePrecision("bfloat16", "bfloat16"), DevicePrecision("float16", "float16")


def measured_precisions(on_gpu: bool) -> list[DevicePrecision]:
    """Return all precisions; a CPU has no TF32."""
    return [FLOAT32, TF32, BFLOAT16, FLOAT16] if on_gpu else [FLOAT32, BFLOAT16, FLOAT16]
