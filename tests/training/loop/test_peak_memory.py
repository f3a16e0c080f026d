"""The peak memory of a process, against what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kresnet.training.loop.peak_memory import peak_memory, release_memory, reset_peak_memory, resident_memory
from tests.command import forked_python

#: In a process of its own, since that of the tests has held too much for a peak to be seen soon.
RISES = """
import numpy as np, tensorflow as tf
from kresnet.training.loop.peak_memory import peak_memory
before = peak_memory()["host"]
held = np.ones(before, np.uint8)  # as much again
assert peak_memory()["host"] >= before + 0.5 * held.nbytes
assert "device" in peak_memory() or not tf.config.list_physical_devices("GPU")
"""


def test_the_peak_of_memory_rises_with_what_is_held() -> None:
    done = forked_python(RISES)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux starts a peak anew")
def test_a_peak_is_started_anew_and_what_is_held_now_is_told() -> None:
    held = np.ones(100_000_000, np.uint8)
    resident = resident_memory()
    assert resident <= peak_memory()["host"]
    assert held[-1] == 1
    del held
    release_memory()
    reset_peak_memory()
    assert resident_memory() <= resident - 50_000_000
    assert peak_memory()["host"] <= resident - 50_000_000
