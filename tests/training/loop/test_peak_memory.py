"""The peak memory of training: the host's, and a GPU's where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.process_memory import release_memory
from kresnet.training.loop.peak_memory import peak_memory, reset_peak_memory


def test_host_and_gpus_have_a_peak() -> None:
    assert peak_memory().keys() == ({"host", "device"} if tf.config.list_physical_devices("GPU") else {"host"})


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux starts a peak anew")
def test_a_peak_is_started_anew() -> None:
    held = np.ones(100_000_000, np.uint8)
    before = peak_memory()["host"]
    assert held[-1] == 1
    del held
    release_memory()
    reset_peak_memory()
    assert peak_memory()["host"] <= before - 50_000_000
