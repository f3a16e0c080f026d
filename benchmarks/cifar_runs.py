"""Runs of `cifar_fast` on CIFAR-10 as JPEG of TensorFlow Datasets, of which the accuracy is wanted."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kresnet


def options_parser(description: str | None, epochs: int) -> argparse.ArgumentParser:
    """What every such benchmark is told: where to, where the data are, how many epochs, which seeds."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True, help="where TensorFlow Datasets has cifar10_jpeg")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seeds", default="0,1")
    return parser


def settings(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """What the runs of a seed have in common."""
    return {
        "recipe.data": {"kind": "tfds", "name": "cifar10_jpeg", "data_dir": options.data},
        "recipe.epochs": options.epochs,
        "recipe.seed": seed,
    }


def trained(spec: str, output: Path, overrides: dict[str, Any]) -> kresnet.Run:
    """Train a network, or go on with it, or open it where it is trained."""
    if (output / "recipe.yaml").is_file():
        return kresnet.resume(output)
    return kresnet.fit(spec, "cifar_fast", output=output, overrides=overrides)


def accuracy(run: kresnet.Run) -> float:
    """Return the accuracy of a finished run on the test images."""
    assert run.result
    return run.result["test"]["accuracy"]


def percent(accuracies: Sequence[float]) -> str:
    """Accuracies of several seeds in percent: mean ± sample standard deviation."""
    spread = f" ± {100 * statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    return f"{100 * statistics.mean(accuracies):.2f}{spread}"
