"""`python -m kresnet` is the command line."""

from __future__ import annotations

import subprocess
import sys

from kresnet.version import __version__


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "kresnet", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"kresnet {__version__}\n"
