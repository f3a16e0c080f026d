"""Runs on disk as `fit` leaves them, made without training: the page only reads."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError, make_error
from kresnet.probes.block_paths import batch_norms, block_paths
from kresnet.runs.live_progress import LiveProgress
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe

SPEC = {
    "name": "tiny",
    "input": {"shape": [28, 28, 1], "pixels": {"mean": [0.286], "std": [0.353]}},
    "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 2},
    "block": {"kind": "basic", "shortcut": "identity_pad"},
    "stages": [{"blocks": 3, "width": 8}, {"blocks": 2, "width": 16, "stride": 2}],
    "head": {"classes": 10},
}
RECIPE = {"name": "short", "data": {"kind": "embedded"}, "epochs": 4, "batch_size": 900,
          "optimizer": {"kind": "sgd"}}  # fmt: skip
NAMES = tuple(f"class {n}" for n in range(10))


def made(
    directory: Path,
    *,
    epochs: int = 4,
    spec: dict[str, Any] | None = None,
    recipe: dict[str, Any] | None = None,
    names: tuple[str, ...] = NAMES,
    fingerprint: str = "abc",
    accuracy: float = 0.8,
    measured: bool = True,
    ended: KresnetError | None = None,
) -> RunDirectory:
    """A run of four epochs of ten steps, after `epochs` of them; finished if those are all and it did not end badly."""
    network = Spec.model_validate(SPEC | (spec or {}))
    resolved, run = resolve_run(network, Recipe.model_validate(RECIPE | (recipe or {}))), RunDirectory(directory)
    validated = resolved.recipe.data.validation is not None or resolved.recipe.data.fold is not None
    images = {"train_images": 8100, "validation_images": 900} if validated else {"train_images": 9000}
    plan, data = resolved.plan, DataDescription(fingerprint, names, **images, test_images=1000)
    environment = {
        "versions": {"kresnet": "0.1.0"},
        "training": {"device": "CPU", "replicas": 1},
        "kernels": {"processor": "a processor"},
        "command": ["kresnet", "fit", "tiny.yaml", "--set", "recipe.seed=0; echo"],
    }
    create_run(run, replace(resolved, data=data), environment)
    for epoch in range(1, epochs + 1):
        if measured:
            run.history.append(measurement(plan, 10 * epoch - 9))
        run.history.append(line(epoch, accuracy, "validation" if validated else "test"))
    if ended:
        (directory / "ended.json").write_text(json.dumps(ended.problems[0].as_dict()))
    elif epochs == 4:
        last = line(4, accuracy)
        result = {"epochs": 4, "steps": 40, "peak_memory": {"host": 2**30}} | {k: last[k] for k in ("train", "test")}
        if validated:
            result["validation"] = run.history.epochs()[-1]["validation"]
            result["test"] = {name: value - 0.1 for name, value in result["test"].items()}
        run.result.write_text(json.dumps(result))
    return run


def line(epoch: int, accuracy: float, split: str = "test") -> dict[str, Any]:
    """The line of history at the end of an epoch."""
    value = accuracy + 0.01 * epoch
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "train": {"loss": 1.0 / epoch, "accuracy": value},
        split: {"loss": 1.1 / epoch, "accuracy": value - 0.02, "top_5_accuracy": 0.99},
        "learning_rate": 0.1,
        "images_per_second": 1000.0 + epoch,
        "input_wait": 0.01,
        "seconds": 9.0 * epoch,
    }


def measurement(plan: Any, step: int) -> dict[str, Any]:
    """A line of history with gradient norms and a check of batch norms."""
    found = {
        block.name: {"delta": 10.0**-n, "identity": 0.5, "residual": 0.25, "weights": 1.0}
        for n, block in enumerate(block_paths(plan))
    }
    norms = {
        norm.name: {"x": 1e-6, "gamma": 1e-7, "beta": 1e-7, "tolerance": 2e-5, "failures": []}
        for norm in batch_norms(plan)
    }
    return {"step": step, "gradients": {"verdict": "holds", "first_block": None, "blocks": found}, "batch_norm": norms}


def diverged() -> KresnetError:
    return make_error(
        "diverged", "In step 21 of 40 (epoch 3, batch 1) the loss is not finite.", remedy="a smaller rate"
    )


def tell_progress(run: RunDirectory, step: int, *, written: float, loss: float = 1.25) -> None:
    """Have a run of four epochs of ten steps tell how far it is, ten seconds after it began."""
    told = LiveProgress(
        step, step - 5, 40, 10, {"loss": loss, "accuracy": 0.5}, 120.0, 0.25, 2**30, written - 10, written
    )
    run.progress.write_text(json.dumps(asdict(told)))
