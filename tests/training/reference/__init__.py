"""Inputs that PyTorch's numbers were computed from (by `make.py`), and those numbers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 6


def start() -> list[np.ndarray]:
    """A kernel and the gamma of a norm."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)]


def gradients() -> list[list[np.ndarray]]:
    """Of the two, for each step."""
    rng = np.random.default_rng(1)
    return [[rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)] for _ in range(STEPS)]


def logits_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Float32 (8, 4) and int32 (8,)."""
    rng = np.random.default_rng(2)
    return rng.normal(size=(8, 4)).astype(np.float32), rng.integers(0, 4, 8).astype(np.int32)


@cache
def pytorch() -> dict[str, Any]:
    """What `make.py` wrote."""
    return json.loads((Path(__file__).parent / "pytorch.json").read_text(encoding="utf-8"))
