"""The processor of this machine, as Linux describes it; a name alone may be `AMD EPYC`, whatever its generation."""

from __future__ import annotations

import platform
from pathlib import Path

#: Units for bfloat16 products, as Linux names them: AMX tiles and AVX-512's dot product.
_BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16")


def cpu_name() -> str:
    """Return the name of the first processor; of systems that state none, that of its architecture."""
    return _entry("model name") or platform.processor() or platform.machine()


def cpu_units() -> list[str]:
    """Return the units for products of vectors and tiles, AVX and AMX, by Linux's names; empty on other systems."""
    return sorted(flag for flag in _entry("flags").split() if flag.startswith(("avx", "amx")))


def cpu_bfloat16_units() -> list[str]:
    """Return those of the units that multiply bfloat16."""
    units = cpu_units()
    return [unit for unit in _BFLOAT16_UNITS if unit in units]


def _entry(key: str) -> str:
    """Return the value of the first `key : value` line, or nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    entries = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in entries if name.strip() == key), "")


__all__ = ["cpu_bfloat16_units", "cpu_name", "cpu_units"]
