"""Which operation of a TensorFlow Lite file is which layer of the plan; TensorFlow is not imported."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from kresnet.errors import make_error, nearest
from kresnet.plan import Plan

_FLOATS = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16}
#: Operations between an integer tensor and a float one.
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


def layer_of(operation: TfliteOperation, plan: Plan) -> str:
    """Return the plan's layer that an operation is: of several that were fused, the one with weights.

    TensorFlow's converter names a tensor after the operations that it is made by, `network/LAYER/BiasAdd;...`, and
    Keras adds a number to a layer's name. What no layer of the plan does goes by the name of the file's output.
    """
    if operation.output:
        return plan.outputs.get(operation.output, operation.output)
    found: list[str] = []
    for part in re.split("[;/]", operation.tensor):
        name = next((each for each in (part, re.sub(r"_\d+$", "", part)) if each in plan.by_name), None)
        if name and name not in found:
            found.append(name)
    return next((name for name in found if plan.by_name[name].parameters), (found or [operation.tensor])[0])


def tensors_of_layers(operations: Sequence[TfliteOperation], plan: Plan, layers: Collection[str]) -> list[str]:
    """Return the tensors that some layers give.

    Args:
        operations: the operations of the float file.
        plan: the network.
        layers: names of layers, or what layers' names begin with, up to a point.

    Raises:
        KresnetError: `bad_option` for a name that no operation has.
    """
    names = {operation.tensor: layer_of(operation, plan) for operation in operations}
    found: list[str] = []
    for layer in layers:
        tensors = [tensor for tensor, name in names.items() if name == layer or name.startswith(f"{layer}.")]
        if not tensors:
            known = list(dict.fromkeys(names.values()))
            raise make_error("bad_option", f"The network has no layer {layer} to keep in float.", found=layer,
                             nearest=nearest(layer, known), remedy="--compare lists the layers")  # fmt: skip
        found += [tensor for tensor in tensors if tensor not in found]
    return found


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


__all__ = ["TfliteOperation", "layer_of", "tensors_of_layers", "tflite_operations"]
