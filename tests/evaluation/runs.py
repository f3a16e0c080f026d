"""Run directories whose network has its initial weights, and recipes whose data are arrays made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kresnet.data.sources import open_data
from kresnet.graph import build_model
from kresnet.runs.run_directory import RunDirectory
from tests.report.recorded_runs import made


def with_model(directory: Path, **settings) -> RunDirectory:
    """A run whose network has its initial weights, and whose data are there."""
    run = made(directory, measured=False, **settings)
    data = open_data(run.resolved.recipe.data, run.resolved.spec.input, run.resolved.recipe.seed)
    facts = json.loads((directory / "data.json").read_text())
    facts |= data.description.as_dict()
    (directory / "data.json").write_text(json.dumps(facts))
    build_model(run.resolved.plan, seed=3).save(run.model)
    return run


def arrays(path: Path, inputs: np.ndarray, targets: np.ndarray) -> dict[str, object]:
    """A recipe's data: the same examples to train and to test on."""
    np.savez(path, train_inputs=inputs, train_targets=targets, test_inputs=inputs, test_targets=targets)
    return {"data": {"kind": "arrays", "path": str(path)}, "batch_size": 10}


VECTORS = {
    "input": {"shape": [12]},
    "stem": {"kind": "none"},
    "norm": {"kind": "none"},
    "block": {"kind": "dense", "hidden": 8},
    "stages": [{"blocks": 1, "width": 12}],
}
