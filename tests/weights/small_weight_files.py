"""Small files of weights in others' names, made from a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from kresnet.plan import Plan
from kresnet.weights.files.tensor import expected_shapes
from kresnet.weights.layouts import LAYOUTS
from tests.weights.reference import rule

SMALL = """
name: small
input: {shape: [16, 16, 3]}
stem: {kind: conv, width: 4, kernel: 3, stride: 2}
block: {kind: bottleneck, expansion: 2}
stages: [{blocks: 1, width: 4}, {blocks: 2, width: 8, stride: 2}]
head: {classes: 3}
"""


def tensors(plan: Plan, layout: str = "torchvision") -> dict[str, np.ndarray]:
    """What a PyTorch file of the plan's network would hold, values by rule."""
    found = {}
    for record in plan.records:
        for parameter in record.parameters:
            name = LAYOUTS[layout].tensor(record, parameter, plan)
            assert name, record.name
            found[name] = rule.tensor(name, expected_shapes(parameter, "pytorch")[0])
    return found


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


def load_with_keras(path: Path) -> Any:
    """The model of a `.keras` file as others load it, without kresnet's own reader."""
    import keras

    import kresnet.graph.layers  # noqa: F401 - registers the layers that the file names

    return keras.models.load_model(path, compile=False)
