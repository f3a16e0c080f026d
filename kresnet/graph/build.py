"""Compile a plan to a Keras functional model: one handler for each kind of record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from kresnet.graph.handlers import BatchNorm, BuildContext, make_layer
from kresnet.graph.layers import FusedBatchNorm
from kresnet.graph.recursion import room_for_recursion
from kresnet.graph.stock import stock_output
from kresnet.graph.verify import verify_model
from kresnet.plan import Plan
from kresnet.plan.convolutions import KernelChoice


def build_model(
    plan: Plan,
    *,
    precision: str = "float32",
    seed: int = 0,
    batch_norm: BatchNorm = FusedBatchNorm,
    kernels: Mapping[str, KernelChoice] | None = None,
    stock: bool = False,
) -> keras.Model:
    """Build the network of a plan as a functional Keras model.

    Args:
        plan: the network.
        precision: `float32`, `bfloat16` or `float16`, of activations and products; weights are float32.
        seed: of initial weights and dropout.
        batch_norm: the layer that batch norms become; another than the default serves to examine it.
        kernels: how convolutions are computed in training, by the names of their records; stock where none is named.
        stock: make it of Keras's own layers alone, slower, with the same weights: this is what a `.keras` file holds.

    Returns:
        A model that takes float32 RGB values 0-255 `(N, H, W, C)`, or vectors `(N, length)`, and returns float32:
        logits `(N, classes)`, one output, or a dictionary of feature maps.

    Raises:
        KresnetError: `graph_mismatch` if the model differs from the plan, which is a bug of kresnet.
    """
    context = BuildContext(plan, precision, seed, batch_norm, kernels or {})
    tensors: dict[str, Any] = {}
    for record in plan.records:
        if record.kind == "input":
            shape = (None, None, record.shape[-1]) if record.settings["any_size"] else record.shape
            tensors[record.name] = keras.Input(shape, name=record.name, dtype="float32")
            continue
        inputs = [tensors[name] for name in record.inputs]
        layer, arguments = make_layer(context, record), inputs[0] if len(inputs) == 1 else inputs
        tensors[record.name] = (
            stock_output(layer, arguments, weighted=bool(record.parameters)) if stock else layer(arguments)
        )
    outputs = {name: tensors[record] for name, record in plan.outputs.items()}
    single = next(iter(outputs.values())) if len(outputs) == 1 else None
    with room_for_recursion(len(plan.records)):
        model = keras.Model(tensors["input"], outputs if single is None else single, name=plan.name)
    verify_model(model, plan)
    return model


__all__ = ["build_model"]
