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


__all__ = ["block_layer", "timm_regnet", "timm_regnet_block", "timm_resnetv2", "timm_resnetv2_block"]
