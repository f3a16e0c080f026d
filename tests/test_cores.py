"""The cores that a process may use are those that the system gives it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kresnet.cores import usable_cores


def test_all_usable_cores_are_there() -> None:
    assert set(usable_cores()) <= set(range(os.cpu_count() or 1))


def test_a_process_that_is_held_to_one_core_has_one() -> None:
    script = "import os; os.sched_setaffinity(0, {0}); from kresnet.cores import usable_cores; print(usable_cores())"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, text=True, capture_output=True, check=True, env=environment)
    assert done.stdout.strip() == "[0]"
