"""Run the command line as a user does: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

KRESNET = [sys.executable, "-m", "kresnet"]


def kresnet(*arguments: object, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
    """`kresnet ARGUMENTS...`, with its output captured; other options as `subprocess.run` takes them."""
    command = [*KRESNET, *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, timeout=timeout, check=False, **options)
