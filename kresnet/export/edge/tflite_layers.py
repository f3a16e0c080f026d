"""Which operation of a TensorFlow Lite file is which layer of the plan; TensorFlow is not imported."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from kresnet.plan import Plan
from kresnet.spec.inputs import Pixels

_FLOATS = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16}
#: What TensorFlow's converter begins the name of an input with.
_INPUT = "serving_default_"
#: Operations between an integer tensor and a float one.
#: Operations that only choose and place values, or average them within their range.
_PLACING = ("PAD", "PADV2", "MIRROR_PAD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RESHAPE", "STRIDED_SLICE")
_BOUNDARIES = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, slots=True)
class TfliteOperation:
    """An operation of a file.

    Attributes:
        kind: its name in TensorFlow Lite, such as `CONV_2D`.
        tensor: name of its first output.
        computes: `integer`, where no tensor of it is of floats (but for the ends of those that quantise and
            dequantise); `hybrid`, where weights are integers and activations are not; or `float`.
        inputs: names of the tensors that it reads.
        output: name of the file's output that its first output is; empty for most.
    """

    kind: str
    tensor: str
    computes: Literal["integer", "hybrid", "float"]
    inputs: tuple[str, ...] = ()
    output: str = ""


def tflite_operations(content: bytes) -> list[TfliteOperation]:
    """Return the operations of a file, in order."""
    model = flatbuffer_utils.read_model_from_bytearray(content)
    graph = model.subgraphs[0]
    outputs = {each.tensorIndex: _text(each.name) for each in model.signatureDefs[0].outputs}
    operations = []
    for operator in graph.operators:
        kind = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) or "CUSTOM"
        types = {graph.tensors[index].type for index in (*operator.inputs, *operator.outputs) if index >= 0}
        computes: Literal["integer", "hybrid", "float"] = "integer"
        if kind not in _BOUNDARIES and types & _FLOATS:
            computes = "hybrid" if schema.TensorType.INT8 in types else "float"
        first = operator.outputs[0]
        read = tuple(_text(graph.tensors[index].name) for index in operator.inputs if index >= 0)
        written = _text(graph.tensors[first].name)
        operations.append(TfliteOperation(kind, written, computes, read, outputs.get(first, "")))
    return operations


def layers_of(operation: TfliteOperation, plan: Plan) -> list[str]:
    """Return the plan's layers that were fused into an operation, the last first; none of what no layer does.

    TensorFlow's converter names a tensor after the operations that it is made by, `network/LAYER/BiasAdd;...`, and
    Keras adds a number to a layer's name; the file's outputs go by names of their own.
    """
    found: list[str] = []
    if operation.output:
        found = [plan.outputs[operation.output]] if operation.output in plan.outputs else []
    for part in re.split("[;/]", operation.tensor):
        name = next((each for each in (part, re.sub(r"_\d+$", "", part)) if each in plan.by_name), None)
        if name and name not in found:
            found.append(name)
    return found


def layer_of(operation: TfliteOperation, plan: Plan) -> str:
    """Return the plan's layer that an operation is: of several that were fused, the one with weights.

    What no layer of the plan does goes by the name of the file's output.
    """
    found = layers_of(operation, plan)
    weighted = [name for name in found if plan.by_name[name].parameters]
    return (weighted or found or [operation.output or operation.tensor])[0]


def pixel_ranges(operations: Sequence[TfliteOperation], plan: Plan, pixels: Pixels) -> dict[str, tuple[float, float]]:
    """Return the ranges of a file's input and of what it is multiplied by first: those of any image, 0 to 255.

    Args:
        operations: the operations of the float file.
        plan: the network.
        pixels: what a pixel means to it.
    """
    found: dict[str, tuple[float, float]] = {}
    for operation in operations:
        if not any(plan.by_name[name].kind == "normalize" for name in layers_of(operation, plan)):
            continue
        found |= {name: (0.0, 255.0) for name in operation.inputs if name.startswith(_INPUT)}
        if operation.kind == "MUL":
            low, high = pixels.range
            ends = [0.0, *((high - low) / deviation for deviation in pixels.std)]
            found[operation.tensor] = (min(ends), max(ends))
    return found


def tensors_of_ranges(operations: Sequence[TfliteOperation], plan: Plan, layers: Collection[str]) -> dict[str, str]:
    """Return the layer that each tensor is the output of, of those layers whose outputs have ranges.

    Of the operations that make up a layer, the last gives its output; padding and pooling that a convolution begins
    with do not.
    """
    found: dict[str, str] = {}
    for operation in operations:
        names = layers_of(operation, plan)
        if operation.kind in _PLACING:
            names = [name for name in names if plan.by_name[name].kind in ("pool", "global_pool", "blur")]
        if name := next((each for each in names if each in layers), ""):
            found[name] = operation.tensor
    return {tensor: name for name, tensor in found.items()}


def tensors_of_layers(operations: Sequence[TfliteOperation], plan: Plan, layers: Collection[str]) -> list[str]:
    """Return the tensors that some layers give.

    Args:
        operations: the operations of the float file.
        plan: the network.
        layers: names of layers, or what layers' names begin with, up to a point.
    """
    return [
        operation.tensor
        for operation in operations
        if any(f"{layer_of(operation, plan)}.".startswith(f"{layer}.") for layer in layers)
    ]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


__all__ = [
    "TfliteOperation",
    "layer_of",
    "layers_of",
    "pixel_ranges",
    "tensors_of_layers",
    "tensors_of_ranges",
    "tflite_operations",
]
