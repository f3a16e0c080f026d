"""The peak memory of a process, against what it holds."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.training.loop.peak_memory import peak_memory


def test_the_peak_of_memory_rises_with_what_is_held() -> None:
    before = peak_memory()["host"]
    held = np.ones(before, np.uint8)  # as much again
    assert peak_memory()["host"] >= before + 0.5 * held.nbytes
    assert "device" in peak_memory() or not tf.config.list_physical_devices("GPU")
