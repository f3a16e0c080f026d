"""What a traced function would copy from a GPU to the host while it runs, by the kernels that TensorFlow registers.

The wheel of TensorFlow knows its kernels for GPUs on any machine, and which of their arguments are on the host. Where
such an argument was computed by the GPU, the host waits until the GPU has come that far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import kernels

#: Types that values of loops, branches and functions have on the host.
ON_HOST = (tf.int32, tf.resource, tf.variant, tf.string)
#: What raises on a GPU that is to be deterministic, of what could come up here: TensorFlow 2.21's library says so.
REFUSED = {
    "SoftmaxCrossEntropyWithLogits",
    "SparseSoftmaxCrossEntropyWithLogits",
    "MaxPoolGradWithArgmax",
    "ResizeNearestNeighborGrad",
    "AdjustContrastv2",
    "Bincount",
    "DenseBincount",
    "Dilation2DBackpropInput",
    "Dilation2DBackpropFilter",
    "CropAndResizeGradImage",
    "SegmentSum",
    "Timestamp",
}
REFUSED_BY_XLA = {"MaxPoolGrad", "MaxPoolGradV2", "Timestamp"}
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


#: How often a GPU's values are read by the host: by the operation that made them, the reader, and the type.
Copies = Counter[tuple[str, str, str]]


def copies_to_host(function: Any) -> tuple[Copies, Copies]:
    """Return what the host reads in a call of a function, and what in each pass of its loops."""
    once, each_pass = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    graph = function.graph
    _follow(graph, [tensor.dtype in ON_HOST for tensor in graph.inputs], once, each_pass)
    return once, each_pass


def without_gpu_kernel(function: Any) -> set[tuple[str, str]]:
    """Return the operations of a function, and of those that it calls, that no GPU can run, with their types."""
    missing = set()
    for graph, _ in _graphs(function.graph):
        for operation in graph.get_operations():
            if not _called(operation) and operation.type != "Placeholder" and _kernel(operation) is None:
                missing.add((operation.type, str(sorted(_types(operation).items()))))
    return missing


def refused_if_deterministic(function: Any) -> set[str]:
    """Return the operations of a function, and of those that it calls, that a deterministic GPU refuses to run."""
    found = set()
    for graph, compiled in _graphs(function.graph):
        for operation in graph.get_operations():
            frozen = operation.type == "FusedBatchNormGradV3" and not operation.get_attr("is_training")
            if operation.type in (REFUSED_BY_XLA if compiled else REFUSED) or (frozen and not compiled):
                found.add(operation.type)
    return found


def _graphs(graph: Any, compiled: bool = False) -> list[tuple[Any, bool]]:
    """Return a graph and all that it calls, each with whether XLA compiles it."""
    inner = [
        _graphs(_inner_graph(graph, name), compiled or _is_compiled(operation))
        for operation in graph.get_operations()
        for name in _called(operation)
    ]
    return [(graph, compiled), *(each for called in inner for each in called)]


def _is_compiled(operation: Any) -> bool:
    return operation.type in CALLS and b"_XlaMustCompile" in operation.node_def.SerializeToString()


def _called(operation: Any) -> list[str]:
    """Return the names of the functions that an operation calls."""
    if operation.type in CALLS:
        return [operation.get_attr("f").name]
    if operation.type in ("If", "StatelessIf"):
        return [operation.get_attr(name).name for name in ("then_branch", "else_branch")]
    if operation.type in ("While", "StatelessWhile"):
        return [operation.get_attr(name).name for name in ("cond", "body")]
    return []


def _inner_graph(graph: Any, name: str) -> Any:
    while graph is not None:
        if graph._is_function(name):
            return graph._get_function(name).graph
        graph = getattr(graph, "outer_graph", None)
    raise KeyError(name)


def _follow(graph: Any, inputs: Sequence[bool], found: Copies, looped: Copies) -> list[bool]:
    """Add a graph's copies up, given which of its inputs are on the host; return which of its outputs are."""
    on_host = {tensor.ref(): host for tensor, host in zip(graph.inputs, inputs, strict=True)}
    for operation in graph.get_operations():
        if operation.type == "Placeholder":
            continue
        called = _called(operation)
        passed = [tensor.dtype in ON_HOST for tensor in operation.inputs]
        compiled = _is_compiled(operation)
        if called:
            wanted = list(passed)
            if operation.type in ("If", "StatelessIf"):
                wanted[0] = True
                for name in called:
                    _follow(_inner_graph(graph, name), passed[1:], found, looped)
            elif operation.type in ("While", "StatelessWhile"):
                condition, body = (_inner_graph(graph, name) for name in called)
                if not _follow(condition, passed, looped, looped)[0]:
                    looped[condition.outputs[0].op.type, operation.type, "bool"] += 1
                _follow(body, passed, looped, looped)
            elif compiled:
                wanted = list(passed)
            else:
                _follow(_inner_graph(graph, called[0]), passed, found, looped)
            made = [tensor.dtype in ON_HOST and not compiled for tensor in operation.outputs]
        elif operation.type == "Identity":  # TensorFlow takes it out
            wanted = made = [on_host[operation.inputs[0].ref()]]
        else:
            kernel = _kernel(operation)
            names = () if kernel is None else kernel.host_memory_arg
            wanted = _flags(operation, operation.op_def.input_arg, names, kernel is None)
            made = _flags(operation, operation.op_def.output_arg, names, kernel is None)
        for tensor, host in zip(operation.inputs, wanted, strict=True):
            if host and not on_host[tensor.ref()]:
                found[tensor.op.type, operation.type, tensor.dtype.name] += 1
        on_host |= {tensor.ref(): host for tensor, host in zip(operation.outputs, made, strict=True)}
    return [on_host[tensor.ref()] for tensor in graph.outputs]


def _flags(operation: Any, arguments: Sequence[Any], host: Sequence[str], all_on_host: bool) -> list[bool]:
    flags = []
    for argument in arguments:
        count = 1
        if argument.number_attr:
            count = operation.get_attr(argument.number_attr)
        elif argument.type_list_attr:
            count = len(operation.get_attr(argument.type_list_attr))
        flags += [all_on_host or argument.name in host] * count
    return flags


@cache
def _registered(name: str) -> list[Any]:
    found = kernels.get_registered_kernels_for_op(name).kernel
    return sorted((k for k in found if k.device_type in ("GPU", "DEFAULT")), key=lambda k: k.device_type != "GPU")


def _types(operation: Any) -> dict[str, tuple[int, ...]]:
    attributes = operation.node_def.attr
    types = {name: (value.type, *value.list.type) for name, value in attributes.items()}
    return {name: tuple(filter(None, each)) for name, each in types.items() if any(each)}


def _kernel(operation: Any) -> Any:
    """Return the kernel that a GPU would run an operation by; None where there is none."""
    types = _types(operation)
    for kernel in _registered(operation.type):
        allowed = {constraint.name: constraint.allowed_values.list.type for constraint in kernel.constraint}
        if all(set(types.get(name, ())) <= set(each) for name, each in allowed.items()):
            return kernel
    return None
