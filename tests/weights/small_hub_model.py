"""A small residual network of timm's, as `reference/make_hub.py` put it on the hub, and what timm makes of photographs.

Weights follow `reference/rule.py`; the configuration is timm's own.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from tests.weights.reference import rule

REFERENCE = np.load(Path(__file__).parent / "reference" / "hub.npz")
NAME = "timm/resnet50d.a1_in1k"
CARD = b"---\nlicense: apache-2.0\nlibrary_name: timm\n---\n# A model\n"


def config(**changes: Any) -> dict[str, Any]:
    """The configuration, with changes at its top."""
    return {**json.loads(str(REFERENCE["config"])), **changes}


def pretrained(**changes: Any) -> dict[str, Any]:
    """The configuration, with changes of its `pretrained_cfg`."""
    whole = config()
    return {**whole, "pretrained_cfg": {**whole["pretrained_cfg"], **changes}}


@cache
def weights() -> bytes:
    """The file `model.safetensors`."""
    shapes = [tuple(map(int, text.split())) for text in REFERENCE["shapes"]]
    names = [str(name) for name in REFERENCE["tensors"]]
    return save({name: rule.tensor(name, shape) for name, shape in zip(names, shapes, strict=True)})


def files(document: dict[str, Any] | None = None, card: bytes = CARD) -> dict[str, bytes]:
    """What the repository holds."""
    described = json.dumps(config() if document is None else document).encode()
    return {"config.json": described, "model.safetensors": weights(), "README.md": card}


def photographs() -> list[np.ndarray]:
    """The photographs, uint8 (h, w, 3), of several sizes."""
    return [REFERENCE[f"image{index}"] for index in range(len(REFERENCE["logits"]))]
