"""The memory that a process says it holds, and held at most, against what it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kresnet.process_memory import (
    peak_resident_memory,
    release_memory,
    reset_peak_resident_memory,
    resident_memory,
)

#: In a process of its own, since that of the tests has held too much for a peak to be seen soon.
RISES = """
import numpy as np
from kresnet.process_memory import peak_resident_memory, resident_memory
before = peak_resident_memory()
held = np.ones(100_000_000, np.uint8)
assert before + 50_000_000 <= resident_memory() <= peak_resident_memory()
print(before)
"""


def test_a_peak_rises_with_what_is_held_and_is_not_that_of_the_process_which_started_it() -> None:
    held = np.ones(200_000_000, np.uint8)
    done = subprocess.run([sys.executable, "-c", RISES], capture_output=True, text=True, check=True)
    assert held[-1] == 1
    if sys.platform == "linux":
        assert int(done.stdout) < 150_000_000


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux starts a peak anew")
def test_a_peak_is_started_anew_and_what_is_held_now_is_told() -> None:
    held = np.ones(100_000_000, np.uint8)
    resident = resident_memory()
    assert resident <= peak_resident_memory()
    assert held[-1] == 1
    del held
    release_memory()
    reset_peak_resident_memory()
    assert resident_memory() <= resident - 50_000_000
    assert peak_resident_memory() <= resident - 50_000_000
