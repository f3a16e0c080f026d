"""Runs on vectors, small enough to be set up and trained in a test's own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe

SPEC: dict[str, Any] = {
    "name": "vectors",
    "input": {"shape": [8]},
    "norm": {"kind": "none"},
    "stem": {"kind": "none"},
    "block": {"kind": "dense", "order": "relu_only_preactivation"},
    "stages": [{"blocks": 1, "width": 8}],
    "head": {"pool": "none", "classes": 3},
}


def write_vectors(path: Path) -> None:
    """Write 40 vectors to train on, 12 to validate and 16 to test on, of three classes."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 40), ("val", 12), ("test", 16)):
        arrays[f"{split}_inputs"] = random.normal(size=(count, 8)).astype(np.float32)
        arrays[f"{split}_targets"] = np.arange(count) % 3
    np.savez(path, **arrays)


def vector_run(folder: Path, **recipe: Any) -> ResolvedRun:
    """Two epochs of five steps of eight vectors; `recipe` changes them. The data are written into `folder`.

    Where `recipe` chooses by an epoch's metrics, there are vectors to validate on.
    """
    write_vectors(folder / "data.npz")
    chooses = "early_stopping" in recipe or "keep_best" in recipe.get("checkpoints", {})
    settings = {
        "name": "short",
        "data": {"kind": "arrays", "path": str(folder / "data.npz"), "validation": "val" if chooses else None},
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    }
    return resolve_run(Spec.model_validate(SPEC), Recipe.model_validate(settings | recipe))
