"""A fault of `make faults`, in a process of its own: TensorFlow allows a fork before its first use only."""

import subprocess
import sys


def test_a_run_that_is_killed_ends_bit_for_bit_as_one_that_was_not():
    command = [sys.executable, "-m", "tests.faults", "--short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| SIGKILL | 2 kills of" in done.stdout
