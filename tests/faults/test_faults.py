"""A few of the faults of `make faults`, in a process of its own: TensorFlow allows a fork before its first use only."""

import subprocess
import sys


def test_runs_that_are_killed_and_stopped_end_bit_for_bit_as_one_that_was_not():
    command = [sys.executable, "-m", "tests.faults", "--short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| SIGKILL | 2 kills of" in done.stdout
    assert "| SIGTERM | 1 at" in done.stdout
