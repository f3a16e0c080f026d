"""Scan the graph of a SavedModel, without running it, for operations that a server refuses or must not run.

Only operations that a request can reach count: those behind the outputs of a signature, and everything in the
functions they call. Restoring weights assigns to variables too, and is no fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export.capi import NUMPY_DTYPES, registered_ops
from kresnet.export.protos import DataType, MetaGraphDef, SavedModel

#: Stateful operations that a request may run: they read variables, call functions, or check an input.
_HARMLESS = frozenset({"VarHandleOp", "ReadVariableOp", "StatefulPartitionedCall", "If", "While", "Case", "Assert"})
_REASONS = (
    (r"PyFunc", "calls Python, which a server does not have"),
    (r"Random|Multinomial|TruncatedNormal|Shuffle|Rng|StatefulUniform|StatefulStandardNormal", "draws random numbers"),
    (r"Assign|^ResourceApply|^Apply|Scatter(Nd)?(Add|Sub|Update)|ResourceScatter", "changes the model's state"),
    (r"^Xla|^JaxXla", "needs XLA, which a server leaves off"),
    (r"^(Read|Write)File|^MatchingFiles|^Save|^Restore|^MergeV2", "reads or writes files of the server"),
)
#: Types whose values TF Serving writes as JSON (`util/json_tensor.cc`), beside those of `DTYPES`.
_IN_JSON = frozenset({*NUMPY_DTYPES, DataType.DT_STRING, DataType.DT_INT8, DataType.DT_INT16, DataType.DT_UINT16,
                      DataType.DT_UINT32, DataType.DT_UINT64})  # fmt: skip
#: Bytes of a number, for the types that weights are stored in beside those of `DTYPES`.
_HALVES = {DataType.DT_HALF: 2, DataType.DT_BFLOAT16: 2}


@dataclass(frozen=True, slots=True)
class Node:
    """An operation that a request reaches.

    Attributes:
        op: kind of the operation.
        name: name of the operation.
        function: name of the function that holds it; empty for the graph itself.
    """

    op: str
    name: str
    function: str

    def __str__(self) -> str:
        return f"{self.op} ({self.name}{f' in {self.function}' if self.function else ''})"


def read_meta_graph(directory: Path) -> MetaGraphDef:
    """Return the graph that is tagged `serve`.

    Raises:
        OSError, google.protobuf.message.DecodeError, ValueError: there is none that can be read.
    """
    saved = SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    served = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    if not served:
        raise ValueError("saved_model.pb holds no graph tagged `serve`")
    return served[0]


def find_faults(graph: MetaGraphDef) -> list[str]:
    """Return what a server would refuse or must not do: the first operation of each kind, how many more, and why."""
    known = {definition.name: definition for definition in registered_ops().op}
    nodes_by_reason: dict[str, list[Node]] = {}
    for node in reachable_nodes(graph):
        definition = known.get(node.op)
        if definition is None:
            nodes_by_reason.setdefault("is an operation that TensorFlow itself does not have", []).append(node)
        elif reason := next((reason for pattern, reason in _REASONS if re.search(pattern, node.op)), ""):
            nodes_by_reason.setdefault(reason, []).append(node)
        elif definition.is_stateful and node.op not in _HARMLESS:
            nodes_by_reason.setdefault("keeps state between requests", []).append(node)
    faults = [f"{nodes[0]}{_count_of_others(nodes)}: {reason}" for reason, nodes in nodes_by_reason.items()]
    return faults + list(_outputs_without_json_form(graph))


def _count_of_others(nodes: list[Node]) -> str:
    return f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""


def _outputs_without_json_form(graph: MetaGraphDef) -> Iterator[str]:
    """Return a line for each output whose type has no form in JSON."""
    for signature, definition in graph.signature_def.items():
        for name, tensor in definition.outputs.items():
            if not signature.startswith("__saved_model") and tensor.dtype not in _IN_JSON:
                yield f"{name} of {signature}: is of type {DataType.Name(tensor.dtype)}, which JSON cannot carry"


def reachable_nodes(graph: MetaGraphDef) -> Iterator[Node]:
    """Return the operations behind the outputs of the signatures, and all those of the functions that they call."""
    nodes = {node.name: node for node in graph.graph_def.node}
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    signatures = [value for name, value in graph.signature_def.items() if not name.startswith("__saved_model")]
    waiting = [tensor.name for signature in signatures for tensor in signature.outputs.values()]
    seen: set[str] = set()
    called: list[str] = []
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name not in seen:
            seen.add(name)
            waiting.extend(nodes[name].input)
            called.extend(_callees(nodes[name]))
            yield Node(nodes[name].op, name, "")
    entered: set[str] = set()
    while called:
        function = called.pop()
        if function in library and function not in entered:
            entered.add(function)
            for node in library[function].node_def:
                called.extend(_callees(node))
                if node.op not in library:
                    yield Node(node.op, node.name, function)


def _callees(node: Any) -> Iterator[str]:
    yield node.op  # a function may be called by its own name
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def stored_bytes(graph: MetaGraphDef) -> tuple[int, int]:
    """Return the bytes of the graph's variables, and of its numeric constants (weights may hide there)."""
    variables = sum(
        int(np.prod([dim.size for dim in node.attr["shape"].shape.dim])) * _itemsize(node.attr["dtype"].type)
        for node in graph.graph_def.node
        if node.op == "VarHandleOp"
    )
    functions = (node for function in graph.graph_def.library.function for node in function.node_def)
    constants = sum(
        len(node.attr["value"].tensor.tensor_content)
        for node in (*graph.graph_def.node, *functions)
        if node.op == "Const"
    )
    return variables, constants


def _itemsize(dtype: int) -> int:
    return _HALVES[dtype] if dtype in _HALVES else NUMPY_DTYPES[dtype].itemsize
