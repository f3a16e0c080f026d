"""The names that other projects give to the layers of networks of inverted blocks."""

from __future__ import annotations

import re

from kresnet.plan import Plan, Record
from kresnet.weights.family_names import block_layer

#: The kinds of a block's convolutions -> what each is for, and its name in timm.
_ROLES = {
    ("conv", "depthwise_conv", "conv"): (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl")),
    ("depthwise_conv", "conv"): (("depthwise", "conv_dw"), ("project", "conv_pw")),
    ("conv", "conv"): (("expand", "conv_exp"), ("project", "conv_pwl")),
    ("conv",): (("project", "conv"),),
}


def timm_inverted_block(record: Record) -> str:
    """Return what the names of a block's layers begin with in timm's `EfficientNet` and `MobileNetV3`."""
    return f"blocks.{(record.stage or 1) - 1}.{(record.block or 1) - 1}."


def timm_inverted(record: Record, plan: Plan) -> str | None:
    """Return the name in timm's `EfficientNet`, of which MobileNetV2 is one."""
    return _timm(record, plan, {"neck.conv": "conv_head", "neck.norm": "bn2"})


def timm_mobilenet_v3(record: Record, plan: Plan) -> str | None:
    """Return the name in timm's `MobileNetV3`, where the neck is one more stage."""
    last = f"blocks.{len(plan.block_kinds)}.0."
    return _timm(record, plan, {"neck.conv": f"{last}conv", "neck.norm": f"{last}bn1", "head.hidden": "conv_head"})


def _timm(record: Record, plan: Plan, ending: dict[str, str]) -> str | None:
    if record.block is None:
        return {"stem.conv": "conv_stem", "stem.norm": "bn1", "head.logits": "classifier", **ending}.get(record.name)
    kind, number = block_layer(record)
    layers = {"squeeze_excite.reduce": "se.conv_reduce", "squeeze_excite.expand": "se.conv_expand"}
    layers |= {"norm": f"bn{number}"}
    name = _role(record, plan, number)[1] if kind == "conv" else layers.get(kind)
    return f"{timm_inverted_block(record)}{name}" if name else None


def keras_mobilenet_v2(record: Record, plan: Plan) -> str | None:
    """Return the name in keras.applications' `MobileNetV2`."""
    if record.block is None:
        outside = {"stem.conv": "Conv1", "stem.norm": "bn_Conv1", "neck.conv": "Conv_1", "neck.norm": "Conv_1_bn"}
        return {**outside, "head.logits": "predictions"}.get(record.name)
    number = _number(record, plan)
    block = f"block_{number}_" if number else "expanded_conv_"
    kind, layer = block_layer(record)
    role = _role(record, plan, layer)[0]
    return {"conv": f"{block}{role}", "norm": f"{block}{role}_BN"}.get(kind) if role else None


def keras_mobilenet_v3(record: Record, plan: Plan) -> str | None:
    """Return the name in keras.applications' `MobileNetV3Small` and `MobileNetV3Large`."""
    if record.block is None:
        outside = {"stem.conv": "conv", "stem.norm": "conv_bn", "neck.conv": "conv_1", "neck.norm": "conv_1_bn"}
        return {**outside, "head.hidden": "conv_2", "head.logits": "logits"}.get(record.name)
    number = _number(record, plan)
    block = f"expanded_conv_{number}_" if number else "expanded_conv_"
    kind, layer = block_layer(record)
    layers = {"squeeze_excite.reduce": "squeeze_excite_conv", "squeeze_excite.expand": "squeeze_excite_conv_1"}
    if role := _role(record, plan, layer)[0]:
        layers |= {"conv": role, "norm": f"{role}_bn"}
    return f"{block}{layers[kind]}" if kind in layers else None


def keras_2_mobilenet_v3(record: Record, plan: Plan) -> str | None:
    """Return the name in Keras 2's MobileNetV3, which the files that keras.applications publishes have."""
    name = keras_mobilenet_v3(record, plan)
    if name is None:
        return None
    if record.block is None:
        return {"conv": "Conv", "conv_bn": "Conv/BatchNorm", "conv_1": "Conv_1", "conv_1_bn": "Conv_1/BatchNorm",
                "conv_2": "Conv_2", "logits": "Logits"}[name]  # fmt: skip
    match = re.fullmatch(r"(expanded_conv(?:_\d+)?)_(?:(squeeze_excite)_)?(.*?)(_bn)?", name)
    assert match
    block, excite, layer, norm = match.groups()
    return f"{block}/{'squeeze_excite/' if excite else ''}{layer.replace('conv', 'Conv')}{'/BatchNorm' if norm else ''}"


def keras_efficientnet(record: Record, plan: Plan) -> str | None:
    """Return the name in keras.applications' `EfficientNetB0` to `B7`."""
    return _keras_efficientnet(record, plan, "dwconv")


def keras_efficientnet_v2(record: Record, plan: Plan) -> str | None:
    """Return the name in keras.applications' `EfficientNetV2B0` to `V2L`."""
    return _keras_efficientnet(record, plan, "dwconv2")


def _keras_efficientnet(record: Record, plan: Plan, depthwise: str) -> str | None:
    if record.block is None:
        outside = {"stem.conv": "stem_conv", "stem.norm": "stem_bn", "neck.conv": "top_conv", "neck.norm": "top_bn"}
        return {**outside, "head.logits": "predictions"}.get(record.name)
    kind, layer = block_layer(record)
    layers = {"squeeze_excite.reduce": "se_reduce", "squeeze_excite.expand": "se_expand"}
    role = _role(record, plan, layer)[0]
    if role == "depthwise":
        layers |= {"conv": depthwise, "norm": "bn"}
    elif role:
        layers |= {"conv": f"{role}_conv", "norm": f"{role}_bn"}
    return f"block{record.stage}{chr(ord('a') + record.block - 1)}_{layers[kind]}" if kind in layers else None


def _role(record: Record, plan: Plan, number: str) -> tuple[str, str]:
    """What the convolution of a number is for in a record's block, and its name in timm; empty where it is unknown."""
    place = f"stage{record.stage}.block{record.block}."
    names = [f"{place}conv{each}" for each in range(1, 5) if f"{place}conv{each}" in plan.by_name]
    roles = _ROLES.get(tuple(plan.by_name[name].kind for name in names), ())
    return roles[int(number) - 1] if number and int(number) <= len(roles) else ("", "")


def _number(record: Record, plan: Plan) -> int:
    """The number of a record's block in the whole network, from 0."""
    stage, block = record.stage or 1, record.block or 1
    return (
        len({(each.stage, each.block) for each in plan.records if each.block and (each.stage or 0) < stage}) + block - 1
    )


__all__ = [
    "keras_2_mobilenet_v3",
    "keras_efficientnet",
    "keras_efficientnet_v2",
    "keras_mobilenet_v2",
    "keras_mobilenet_v3",
    "timm_inverted",
    "timm_inverted_block",
    "timm_mobilenet_v3",
]
