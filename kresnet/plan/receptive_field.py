"""How much of the input each layer's output depends on, from the windows of the layers on the way."""

from __future__ import annotations

from dataclasses import dataclass

from kresnet.plan.records import Plan, Record

#: Kinds whose output at a position depends on their input at that position, or on none of it. What a norm or a gate of
#: an attention gathers over the whole map is not counted, as it is not in the literature.
_POINTWISE = (
    "input", "normalize", "pad", "strided_pad", "identity_pad", "dense", "channel_conv", "norm", "layer_scale",
    "response_norm", "activation", "add", "multiply", "dropout", "stochastic_depth",
)  # fmt: skip
#: Kinds whose output depends on the whole input.
_WHOLE = ("global_pool", "flatten", "reshape")


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The part of the input that one position of an output depends on.

    Attributes:
        size: pixels of its side; where it reaches over the border, more than the input has.
        stride: pixels of the input from one position's to the next one's.
    """

    size: int
    stride: int


def receptive_fields(plan: Plan) -> dict[str, ReceptiveField | None]:
    """Return the receptive field of each record, by name, along the longest way from the input.

    None stands for the whole input: behind a global pool, of a network of vectors, and where a kind of record that
    others registered does not say.
    """
    fields: dict[str, ReceptiveField | None] = {}
    for record in plan.records:
        before = [field for name in record.inputs if (field := fields[name])]
        if record.kind == "input":
            fields[record.name] = ReceptiveField(1, 1) if len(record.shape) == 3 else None
        elif not before or record.kind in _WHOLE:
            fields[record.name] = None
        else:
            widest = max(before, key=lambda field: field.size)
            fields[record.name] = _after_window(record, widest)
    return fields


def _after_window(record: Record, field: ReceptiveField) -> ReceptiveField | None:
    settings = record.settings
    stride = settings.get("stride", 1)
    match record.kind:
        case "conv" | "depthwise_conv":
            window = settings["kernel"]
        case "pool":
            window = settings["size"]
        case "blur":
            window = 3
        case kind if kind in _POINTWISE:
            window, stride = 1, stride if kind == "identity_pad" else 1
        case _:
            return None
    reach = (window - 1) * settings.get("dilation", 1)
    return ReceptiveField(field.size + reach * field.stride, field.stride * stride)


__all__ = ["ReceptiveField", "receptive_fields"]
