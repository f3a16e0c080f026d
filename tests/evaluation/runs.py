"""Run directories whose network has its initial weights, and recipes whose data are arrays made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.data.sources import open_data
from kresnet.evaluation.evaluate import evaluate, open_run_split
from kresnet.evaluation.predictor import KerasPredictor
from kresnet.graph import build_model
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_model import trained_model_of_run
from kresnet.spec.overrides import Overrides
from tests.report.recorded_runs import made


def with_model(directory: Path, **settings) -> RunDirectory:
    """A run whose network has its initial weights, and whose data are there."""
    few = {"stages": [{"blocks": 1, "width": 8}, {"blocks": 1, "width": 16, "stride": 2}]}
    run = made(directory, measured=False, spec=few | settings.pop("spec", {}), **settings)
    data = open_data(run.resolved.recipe.data, run.resolved.spec.input, run.resolved.recipe.seed)
    facts = json.loads((directory / "data.json").read_text())
    facts |= data.description.as_dict()
    (directory / "data.json").write_text(json.dumps(facts))
    build_model(run.resolved.plan, seed=3).save(run.model)
    return run


def evaluate_run(run: RunDirectory, overrides: Overrides = (), **options: Any) -> dict[str, Any]:
    """What `evaluate` measures of a run's last network on its test images."""
    predictor = KerasPredictor(trained_model_of_run(run))
    return evaluate(predictor, open_run_split(run, "test", overrides), run.resolved.recipe, **options)


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
