"""The names that other projects give to the layers of networks that are no ResNets by their names."""

from __future__ import annotations

import re

from kresnet.plan import Plan, Record


def block_layer(record: Record) -> tuple[str, str]:
    """Return a record's kind and number within its block, stem or head, such as `("conv", "2")`."""
    place = f"stage{record.stage}.block{record.block}." if record.block else ""
    match = re.fullmatch(r"(.*?)(\d*)", record.name.removeprefix(place))
    assert match
    return match[1], match[2]


def timm_resnetv2_block(record: Record) -> str:
    """Return what the names of a block's layers begin with in timm's `ResNetV2`."""
    return f"stages.{(record.stage or 1) - 1}.blocks.{(record.block or 1) - 1}."


def timm_resnetv2(record: Record, plan: Plan) -> str | None:
    """Return the name in timm's `ResNetV2`: a layer's own within its block, which stands in its stage."""
    kind, number = block_layer(record)
    if record.block is None:
        if record.name == f"stage{record.stage}.norm":
            return "norm"
        return "head.fc" if record.name == "head.logits" else f"stem.{kind.removeprefix('stem.')}{number}"
    layers = {"conv": f"conv{number}", "norm": f"norm{number}", "shortcut.conv": "downsample.conv"}
    return f"{timm_resnetv2_block(record)}{layers[kind]}" if kind in layers else None


def timm_regnet_block(record: Record) -> str:
    """Return what the names of a block's layers begin with in timm's `RegNet`."""
    return f"s{record.stage}.b{record.block}."


def timm_regnet(record: Record, plan: Plan) -> str | None:
    """Return the name in timm's `RegNet`: convolution and norm of a number are of one module."""
    kind, number = block_layer(record)
    part = {"conv": "conv", "norm": "bn"}.get(kind.rpartition(".")[2])
    if record.block is None:
        if record.name == "head.logits":
            return "head.fc"
        return part and {"stem": f"stem.{part}", "neck": f"final_conv.{part}"}.get(kind.partition(".")[0])
    unit = timm_regnet_block(record)
    layers = {"squeeze_excite.reduce": "se.fc1", "squeeze_excite.expand": "se.fc2"}
    if kind in layers:
        return f"{unit}{layers[kind]}"
    if kind.startswith("shortcut."):
        return part and f"{unit}downsample.{part}"
    return part and number and f"{unit}conv{number}.{part}"


def timm_convnext_block(record: Record) -> str:
    """Return what the names of a block's layers begin with in timm's `ConvNeXt`."""
    return f"stages.{(record.stage or 1) - 1}.blocks.{(record.block or 1) - 1}."


def timm_convnext(record: Record, plan: Plan) -> str | None:
    """Return the name in timm's `ConvNeXt`; what strides before a stage's first block is the stage's own there."""
    kind, number = block_layer(record)
    if record.block is None:
        return {"stem.conv": "stem.0", "stem.norm": "stem.1", "head.norm": "head.norm", "head.logits": "head.fc"}.get(
            kind + number
        )
    layers = {
        "depthwise": "conv_dw",
        "norm": "norm",
        "expand": "mlp.fc1",
        "reduce": "mlp.fc2",
        "response_norm": "mlp.grn",
    }
    if kind in layers:
        return f"{timm_convnext_block(record)}{layers[kind]}"
    place = {"downsample.norm": 0, "downsample.conv": 1}.get(kind)
    return None if place is None else f"stages.{(record.stage or 1) - 1}.downsample.{place}"


def keras_convnext_block(record: Record) -> str:
    """Return what the names of a block's layers begin with in keras.applications' ConvNeXt, behind the model's name."""
    return f"stage_{(record.stage or 1) - 1}_block_{(record.block or 1) - 1}_"


def keras_convnext(record: Record, plan: Plan) -> str | None:
    """Return the name in keras.applications' ConvNeXt, behind the model's name."""
    kind, number = block_layer(record)
    if record.block is None:
        names = {"stem.conv": "stem_conv", "stem.norm": "stem_layernorm"}
        names |= {"head.norm": "head_layernorm", "head.logits": "head_dense"}
        return names.get(kind + number)
    names = {"depthwise": "depthwise_conv", "norm": "layernorm", "expand": "pointwise_conv_1"}
    names |= {"reduce": "pointwise_conv_2", "layer_scale": "layer_scale"}
    if kind in names:
        return f"{keras_convnext_block(record)}{names[kind]}"
    part = {"downsample.norm": "layernorm", "downsample.conv": "conv"}.get(kind)
    return part and f"downsampling_{part}_{(record.stage or 1) - 2}"


__all__ = [
    "block_layer",
    "keras_convnext",
    "keras_convnext_block",
    "timm_convnext",
    "timm_convnext_block",
    "timm_regnet",
    "timm_regnet_block",
    "timm_resnetv2",
    "timm_resnetv2_block",
]
