"""A small network as if it were trained, and its spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from kresnet.graph import build_model
from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import dump
from tests.graph.random_weights import randomize

CLASS_NAMES = ("ankle boot", "bag", "Übergröße")
INPUT: dict[str, Any] = {"shape": [12, 10, 3], "pixels": {"mean": [0.5], "std": [0.3]}}


def spec_of(name: str = "tiny", **changes: Any) -> Spec:
    """A residual network of one block, whose dropout draws random numbers unless it is told that it is not trained."""
    document: dict[str, Any] = {
        "name": name,
        "input": INPUT,
        "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 1},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 8}],
        "head": {"classes": 3, "dropout": 0.5},
    }
    return Spec.model_validate(document | changes)


def network(spec: Spec | None = None) -> keras.Model:
    """The network of a spec, `spec_of()` by default, its statistics as training might leave them."""
    return randomize(build_model(make_plan(spec or spec_of())))


def save_converted(folder: Path) -> Path:
    """Save `network()` as `kresnet convert` does, its spec and a file of class names; return the `.keras` file."""
    network().save(folder / "tiny.keras")
    (folder / "tiny.yaml").write_text(dump(spec_of().document()))
    (folder / "names.txt").write_text("\n".join(CLASS_NAMES) + "\n")
    return folder / "tiny.keras"
