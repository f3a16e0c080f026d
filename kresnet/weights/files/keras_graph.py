"""The operations of a network in a `.keras` file, in the order of its data, nested models included; none is run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Layers that hold a function which they apply to what they compute.
_LAYERS_WITH_ACTIVATION = ("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "EinsumDense")
#: Models that are layers of another model: their layers are read in their place.
_MODELS = ("Functional", "Sequential", "Model")


@dataclass(frozen=True, slots=True)
class Operand:
    """An operation's output, as an argument of another operation."""

    key: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A layer, or an operation without a layer, where the network calls it.

    Attributes:
        key: unique name of the call, such as `resnet50/conv1_conv`.
        layer: name of the layer.
        kind: name of the layer's class, without a package.
        settings: the layer's configuration.
        arguments: what it is called with: an `Operand` for each tensor, numbers and lists of them as they are.
    """

    key: str
    layer: str
    kind: str
    settings: Mapping[str, Any]
    arguments: tuple[Any, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Keys of the operations whose outputs it takes, in order."""
        return tuple(_operand_keys(self.arguments))


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a layer, of which a layer that is shared has several."""

    number: int
    layer: str
    kind: str
    settings: Mapping[str, Any]
    node: Any


@dataclass(frozen=True, slots=True)
class OperationGraph:
    """The operations of a network, each after its inputs.

    Attributes:
        operations: the operations by key.
        output: key of the operation that gives the network's output; of the last one where there are several outputs.
    """

    operations: Mapping[str, Operation]
    output: str

    def input_of(self, operation: Operation) -> Operation | None:
        """Return the operation that gives an operation's first input; None for an input of the network."""
        return self.operations.get(operation.inputs[0]) if operation.inputs else None

    def up_to(self, key: str) -> list[Operation]:
        """Return the operation of that key and all that it depends on, in order."""
        needed, waiting = {key}, [key]
        while waiting:
            for each in self.operations[waiting.pop()].inputs:
                if each not in needed and each in self.operations:
                    needed.add(each)
                    waiting.append(each)
        return [operation for name, operation in self.operations.items() if name in needed]


def read_operation_graph(text: bytes) -> OperationGraph | None:
    """Return the operations that a `config.json` describes; None if it describes no network of layers.

    Raises:
        ValueError, RecursionError: if it is not JSON.
    """
    document = json.loads(text)
    config = document.get("config") if isinstance(document, dict) else None
    return graph_of_model(config) if isinstance(config, dict) else None


def graph_of_model(config: Mapping[str, Any]) -> OperationGraph | None:
    """Return the operations of a model whose configuration this is; None if it has no layers."""
    operations: dict[str, Operation] = {}
    outputs = _read_model(config, "", None, operations)
    return OperationGraph(operations, outputs[-1]) if outputs and outputs[-1] in operations else None


def _read_model(
    config: Mapping[str, Any], prefix: str, source: str | None, operations: dict[str, Operation]
) -> list[str]:
    """Append a model's operations, and return the keys of its outputs.

    Args:
        config: the model's configuration.
        prefix: what is put before the names of its layers.
        source: key of what a nested model is called with; None for the outermost, whose input is an operation.
        operations: the operations so far, by key.
    """
    listed = config.get("layers")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    sequential = not any(entry.get("inbound_nodes") for entry in entries)
    names: dict[str, list[str]] = {}  # by layer and number of its call: the keys of its outputs
    before = [] if source is None else [source]
    waiting: list[_Call] = []
    for entry in entries:
        settings = entry.get("config")
        if not isinstance(settings, dict):
            continue
        layer = str(entry.get("name", settings.get("name")))
        kind = str(entry.get("class_name")).rpartition(">")[2]
        if kind == "InputLayer" and source is not None:
            names[f"{layer}/0"] = [source]
        elif sequential:
            arguments = tuple(map(Operand, before[-1:]))
            before = _append(f"{prefix}{layer}", layer, kind, settings, arguments, operations)
        else:
            nodes = [_node_of_keras_3(node) for node in entry.get("inbound_nodes") or [{}]]
            waiting += [_Call(number, layer, kind, settings, node) for number, node in enumerate(nodes)]
    if sequential:
        return before
    while ready := [call for call in waiting if _is_known(call.node, names)]:
        waiting = [call for call in waiting if not _is_known(call.node, names)]
        for call in ready:
            key = f"{prefix}{call.layer}" + f"#{call.number}" * (call.number > 0)
            arguments = _call_arguments(call.node, names)
            outputs = _append(key, call.layer, call.kind, call.settings, arguments, operations)
            names[f"{call.layer}/{call.number}"] = outputs
    declared = config.get("output_layers") or []
    declared = list(declared.values()) if isinstance(declared, dict) else declared  # outputs have names, or none
    references = [declared] if declared and isinstance(declared[0], str) else declared
    return [found for reference in references if (found := _find(reference, names)) is not None]


def _node_of_keras_3(node: Any) -> Any:
    """Return an entry of `inbound_nodes` as Keras 3 writes it; Keras 2 lists `[layer, call, output, arguments]`."""
    if not isinstance(node, list):
        return node
    sources = [source for source in node if isinstance(source, list) and len(source) >= 3]
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": source[:3]}} for source in sources]
    arguments = sources[0][3] if sources and len(sources[0]) > 3 and isinstance(sources[0][3], dict) else {}
    return {"args": tensors, "kwargs": arguments}


def _is_known(value: Any, names: Mapping[str, list[str]]) -> bool:
    """Whether all outputs that a call's description refers to are those of calls before it."""
    if isinstance(value, list):
        return all(_is_known(each, names) for each in value)
    if not isinstance(value, dict):
        return True
    if value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        return isinstance(config, dict) and _find(config.get("keras_history"), names) is not None
    return all(_is_known(each, names) for each in value.values())


def _append(
    key: str,
    layer: str,
    kind: str,
    settings: Mapping[str, Any],
    arguments: tuple[Any, ...],
    operations: dict[str, Operation],
) -> list[str]:
    """Append what a call of a layer computes, and return the keys of its outputs."""
    inputs = tuple(_operand_keys(arguments))
    if kind in _MODELS and isinstance(settings.get("layers"), list) and len(inputs) == 1:
        return _read_model(settings, f"{key}/", inputs[0], operations) or [inputs[0]]
    operations[key] = Operation(key, layer, kind, settings, arguments)
    function = settings.get("activation")
    if kind not in _LAYERS_WITH_ACTIVATION or function in (None, "linear"):
        return [key]
    applied = f"{key} ({activation_name(function)})"
    operations[applied] = Operation(applied, layer, "Activation", {"activation": function}, (Operand(key),))
    return [applied]


def activation_name(function: Any) -> str:
    """Return the name of a function as a layer's configuration has it: a text, or the description of an object."""
    if isinstance(function, dict):
        own = function.get("config")
        function = own if isinstance(own, str) else function.get("class_name")
    name = str(function)
    return {"swish": "silu", "hard_swish": "hard_silu"}.get(name, name)


def _call_arguments(node: Any, names: Mapping[str, list[str]]) -> tuple[Any, ...]:
    """Return what a layer was called with, from an entry of its `inbound_nodes`."""
    if not isinstance(node, dict):
        return ()
    values = [*(node.get("args") or ()), *(node.get("kwargs") or {}).values()]
    return tuple(_argument(value, names) for value in values)


def _argument(value: Any, names: Mapping[str, list[str]]) -> Any:
    if isinstance(value, list):
        return [_argument(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    config = value.get("config")
    config = config if isinstance(config, dict) else {}
    match value.get("class_name"):
        case "__keras_tensor__":
            key = _find(config.get("keras_history"), names)
            return Operand("" if key is None else key)
        case "__tensor__" | "__numpy__":
            return config.get("value")
        case "__ellipsis__":
            return ...
        case "__slice__" | "slice":
            return slice(*(config.get(name) for name in ("start", "stop", "step")))
    return value


def _find(history: Any, names: Mapping[str, list[str]]) -> str | None:
    """Return the key of the operation that `[layer, call, output]` refers to."""
    if not isinstance(history, list) or len(history) != 3:
        return None
    layer, call, output = history
    keys = names.get(f"{layer}/{call}", [])
    return keys[output if isinstance(output, int) and output < len(keys) else -1] if keys else None


def _operand_keys(value: Any) -> Iterator[str]:
    if isinstance(value, Operand):
        yield value.key
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _operand_keys(each)


__all__ = ["Operand", "Operation", "OperationGraph", "activation_name", "graph_of_model", "read_operation_graph"]
