"""On what, and with which code, something was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from kresnet.processor import cpu_bfloat16_units, cpu_name


def machine() -> dict[str, Any]:
    """Processor, GPU if any, cores and memory; what results of one file have in common."""
    return {
        "processor": cpu_name(),
        "bfloat16_units": cpu_bfloat16_units(),
        "gpu": _gpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(_memory() / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def results(path: Path | None) -> dict[str, Any]:
    """What a file of results holds so far, which must be of this machine: `machine` and `entries`."""
    here = machine()
    if path is None or not path.exists():
        return {"machine": here, "entries": []}
    known = json.loads(path.read_text(encoding="utf-8"))
    if known["machine"] != here:
        raise SystemExit(f"{path} holds results of another machine: {known['machine']}, not {here}")
    return known


def commit() -> str:
    """Of this checkout, with `-dirty` where files differ from it; empty outside one."""
    return _output("git", "describe", "--always", "--dirty", "--abbrev=10")


def gpu_details() -> dict[str, str]:
    """Driver, memory, power limit and highest clock of the first GPU, as nvidia-smi says them; empty without one."""
    names = ("driver_version", "memory.total", "power.limit", "clocks.max.sm")
    lines = _output("nvidia-smi", f"--query-gpu={','.join(names)}", "--format=csv,noheader").splitlines()
    return dict(zip(names, map(str.strip, lines[0].split(",")), strict=True)) if lines else {}


def _gpu() -> str | None:
    """The names of the GPUs, each once."""
    names = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    return ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or None


def _memory() -> int:
    """Bytes of the machine's memory, or of what its control group allows."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return physical


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
