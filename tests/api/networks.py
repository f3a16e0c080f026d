"""A network and data as small as a run can do with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SPEC: dict[str, Any] = {
    "name": "tiny",
    "input": {"shape": [8, 8, 1]},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
    "block": {"kind": "basic", "dropout": 0.1},
    "stages": [{"blocks": 1, "width": 4}, {"blocks": 1, "width": 8, "stride": 2}],
    "head": {"classes": 3},
}


def recipe(folder: Path, **settings: Any) -> dict[str, Any]:
    """Three epochs of four steps on 64 images whose brightness is their class."""
    random = np.random.default_rng(0)
    labels = np.arange(80) % 3
    images = (labels[:, None, None, None] * 80 + random.integers(0, 40, (80, 8, 8, 1))).astype(np.uint8)
    path = folder / "data.npz"
    np.savez(
        path, train_inputs=images[:64], train_targets=labels[:64], test_inputs=images[64:], test_targets=labels[64:]
    )
    return {
        "name": "short",
        "data": {"kind": "arrays", "path": path},
        "epochs": 3,
        "batch_size": 16,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        "deterministic": True,
    } | settings
