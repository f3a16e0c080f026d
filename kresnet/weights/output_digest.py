"""What a network computes of one fixed image, as a digest: the same model on another machine can be told by it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.errors import make_error
from kresnet.plan import Plan

if TYPE_CHECKING:
    import keras

#: Outputs that are written down in numbers.
_SHOWN = 8
#: Largest difference, relative to the largest output, that another processor's order of summation explains.
_TOLERANCE = 1e-3


def fixed_image(shape: tuple[int, ...]) -> np.ndarray:
    """Return the image: float32 (1, H, W, C) of whole numbers 0-255, the high byte of a 32-bit multiplicative hash."""
    numbers = np.arange(1, 1 + int(np.prod(shape)), dtype=np.uint32) * np.uint32(2654435761)
    return (numbers >> np.uint32(24)).astype(np.float32).reshape((1, *shape))


def digest_outputs(model: keras.Model, plan: Plan) -> dict[str, Any]:
    """Return what a network computes of the fixed image.

    Returns:
        `sha256` of the float32 outputs, their `largest` magnitude, and the `first` of them.
    """
    outputs = model(fixed_image(plan.input_shape), training=False)
    several = outputs.values() if isinstance(outputs, dict) else [outputs]
    values = np.concatenate([np.asarray(each, np.float32).ravel() for each in several])
    return {
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
        "largest": float(np.abs(values).max()),
        "first": [float(value) for value in values[:_SHOWN]],
    }


def require_same_outputs(found: dict[str, Any], recorded: dict[str, Any], name: str) -> str:
    """Compare outputs with those of the conversion.

    Returns:
        A sentence that says how equal they are.

    Raises:
        KresnetError: `model_unreadable` where they differ beyond rounding.
    """
    if found["sha256"] == recorded.get("sha256"):
        return "The outputs of the fixed image are those of the conversion, bit for bit."
    scale = max(float(recorded.get("largest", 0.0)), 1e-30)
    first = np.asarray(recorded.get("first", []), float)
    differences = np.abs(np.asarray(found["first"][: len(first)], float) - first)
    worst = max([abs(found["largest"] - scale), *differences]) / scale
    if len(first) and worst <= _TOLERANCE:
        return f"The outputs of the fixed image differ from those of the conversion by {worst:.1e} of the largest."
    raise make_error("model_unreadable", f"The cached model of {name} does not compute what it did.",
                     remedy="remove it from the cache, and the same again")  # fmt: skip


__all__ = ["digest_outputs", "fixed_image", "require_same_outputs"]
