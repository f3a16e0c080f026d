"""A trained network with its batch norms folded into the weights before them, for inference."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from kresnet.graph.build import build_model
from kresnet.graph.verify import verify_model
from kresnet.plan import Plan
from kresnet.plan.folding import fold_plan
from kresnet.plan.kinds import record_kind


@dataclass(frozen=True, slots=True)
class FoldedModel:
    """A network to run inference with.

    Attributes:
        model: the network without its folded norms; inputs and outputs are those of the trained network.
        plan: the plan of `model`.
        folded_norms: number of batch norms that were folded.
        remaining_norms: names of the batch norms that could not be folded, and are still layers.
    """

    model: keras.Model
    plan: Plan
    folded_norms: int
    remaining_norms: tuple[str, ...]


def fold_batch_norms(model: keras.Model, plan: Plan, *, precision: str = "float32") -> FoldedModel:
    """Fold every batch norm that directly and alone follows a layer that can hold it (see `plan.folding`).

    The products are formed in float64 and rounded once, so outputs differ from the trained network's by float32's
    rounding only. `model` is left as it is.

    Args:
        model: the network that `plan` describes, its layers named as the plan's records.
        plan: its plan.
        precision: `float32`, `bfloat16` or `float16`, that the folded network computes in; weights are float32.

    Raises:
        KresnetError: `graph_mismatch`, where `model` is not what `plan` says.
    """
    verify_model(model, plan)
    folding = fold_plan(plan)
    folded = build_model(folding.plan, precision=precision)
    for record in folding.plan.records:
        if not record.parameters:
            continue
        weights = _weights(model, record.name)
        if epsilon := folding.standardized.get(record.name):
            weights["kernel"] = _standardized(weights["kernel"], epsilon)
        if norm := folding.norm_by_layer.get(record.name):
            weights = _absorb_norm(
                weights, _weights(model, norm.name), norm.settings["epsilon"], record_kind(record).fold_axis or 0
            )
        layer = folded.get_layer(record.name)
        for variable in layer.weights:
            variable.assign(weights[variable.name])
    return FoldedModel(folded, folding.plan, len(folding.norm_by_layer), folding.remaining_norms)


def _weights(model: keras.Model, name: str) -> dict[str, np.ndarray]:
    """A layer's weights by name."""
    return {weight.name: weight.numpy() for weight in model.get_layer(name).weights}


def _standardized(kernel: np.ndarray, epsilon: float) -> np.ndarray:
    """Kernel `(H, W, C, filters)` with mean 0 and variance 1 in each filter, float64."""
    kernel = kernel.astype(np.float64)
    return (kernel - kernel.mean((0, 1, 2))) / np.sqrt(kernel.var((0, 1, 2)) + epsilon)


def _absorb_norm(
    weights: dict[str, np.ndarray], norm: dict[str, np.ndarray], epsilon: float, axis: int
) -> dict[str, np.ndarray]:
    """Kernel and bias `(C,)` of a layer that also does what the norm behind it did.

    Args:
        weights: those of the layer, by name.
        norm: those of the norm.
        epsilon: of the norm.
        axis: of the kernel, along which the C output channels lie.
    """
    gamma, beta, mean, variance = (
        norm[name].astype(np.float64) for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + epsilon)  # (C,)
    along = np.ones(weights["kernel"].ndim, int)
    along[axis] = -1
    return {
        "kernel": (weights["kernel"] * scale.reshape(along)).astype(np.float32),
        "bias": (beta + (weights.get("bias", 0.0) - mean) * scale).astype(np.float32),
    }


__all__ = ["FoldedModel", "fold_batch_norms"]
