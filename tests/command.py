"""Run the command line as a user does: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KRESNET = [sys.executable, "-m", "kresnet.cli.main"]


def kresnet(*arguments: object, cwd: Path | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    """`kresnet ARGUMENTS...`, with its output captured."""
    command = [*KRESNET, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, timeout=300, check=False, **options)
