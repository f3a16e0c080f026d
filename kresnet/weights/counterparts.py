"""Which operation of a Keras file is what a record of a plan stands for, but for those with weights."""

from __future__ import annotations

from kresnet.plan import Plan, Record
from kresnet.weights.files.keras_graph import Operation, OperationGraph, activation_name
from kresnet.weights.keras_operations import (
    ADDITIONS,
    GLOBAL_POOLS,
    PADDING,
    POOLS,
    PRODUCTS,
    applied_function,
    constant_operand,
    is_identity,
    padding_side,
    single_value,
)


def is_counterpart(operation: Operation, record: Record, plan: Plan) -> bool:
    """Whether an operation without weights is what a record of `plan` stands for."""
    kind, settings = operation.kind, operation.settings
    match record.kind:
        case "activation":
            return applied_function(operation) == activation_name(record.settings["function"])
        case "pool":
            sizes = {"pool_size": record.settings["size"], "strides": record.settings["stride"]}
            fits = all(single_value(settings.get(name)) == value for name, value in sizes.items())
            return POOLS.get(kind) == record.settings["how"] and fits
        case "global_pool":
            return GLOBAL_POOLS.get(kind) == record.settings["how"]
        case "pad":
            return kind in PADDING and padding_side(operation) == record.settings["side"]
        case "add":
            return kind in ADDITIONS and len(operation.inputs) == 2
        case "multiply":
            return kind in PRODUCTS and len(operation.inputs) == 2
        case "flatten" | "reshape":
            return kind == record.kind.capitalize()
        case "blur":
            return kind == "BlurPool2D" and settings.get("strides") == record.settings["stride"]
        case "identity_pad":
            return kind == "IdentityPad" or _subsamples(operation, record, plan)
    return False


def _subsamples(operation: Operation, record: Record, plan: Plan) -> bool:
    """Whether an operation takes one pixel a stride, as a record without new channels does."""
    keeps_channels = plan.by_name[record.inputs[0]].shape[-1] == record.settings["width"]
    window, stride = (single_value(operation.settings.get(name)) for name in ("pool_size", "strides"))
    return operation.kind in POOLS and keeps_channels and window == 1 and stride == record.settings["stride"]


def stands_in_for(operation: Operation, record: Record) -> bool:
    """Whether an operation is one of those that a file of kresnet's has in the place of a layer that Keras has not."""
    return operation.key.startswith(f"{record.name}/")


def changes_nothing(operation: Operation, record: Record) -> bool:
    """Whether an operation gives back what it takes, or in another shape where a map is a single pixel."""
    shape = operation.settings.get("target_shape")
    if operation.kind == "Reshape" and isinstance(shape, list | tuple) and record.kind != "reshape":
        return set(shape[:-1]) == {1}
    flattens = operation.kind == "Flatten" and record.kind != "flatten" and len(record.shape) == 1
    # A linear activation is told where the plan has another function.
    other_function = record.kind == "activation" and bool(applied_function(operation))
    return (is_identity(operation) and not other_function) or flattens


def hard_sigmoid_operand(operation: Operation, graph: OperationGraph) -> Operation | None:
    """Return what `relu6(x + 3) / 6` is computed of, where it is spelt out (keras.applications' MobileNetV3)."""
    relu6 = graph.input_of(operation) if constant_operand(operation, PRODUCTS) == 1 / 6 else None
    if relu6 is None or applied_function(relu6) != "relu6":
        return None
    shifted = graph.input_of(relu6)
    return graph.input_of(shifted) if shifted and constant_operand(shifted, ADDITIONS) == 3 else None


def pads_as_same(operation: Operation, record: Record, before: Record) -> bool:
    """Whether an operation adds the pixels around a map that a window of padding `same` would add itself."""
    if record.settings["padding"] != "same" or operation.kind not in PADDING:
        return False
    value = operation.settings.get("padding", operation.settings.get("side"))
    pairs = value if isinstance(value, list | tuple) else [value, value]
    kernel = record.settings.get("kernel", record.settings.get("size"))
    window = record.settings.get("dilation", 1) * (kernel - 1) + 1
    added = [
        max(0, (-(-length // record.settings["stride"]) - 1) * record.settings["stride"] + window - length)
        for length in before.shape[:2]
    ]
    sides = [list(each) if isinstance(each, list | tuple) else [each, each] for each in pairs]
    return sides == [[each // 2, each - each // 2] for each in added]


__all__ = ["changes_nothing", "hard_sigmoid_operand", "is_counterpart", "pads_as_same", "stands_in_for"]
