"""Specs of the networks of `timm/models/resnet.py`: the arguments of timm's `ResNet` as settings."""

from __future__ import annotations

from math import floor
from typing import Any

from kresnet.errors import make_error
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, TimmResNet

#: What timm's `Bottleneck` multiplies a stage's channels by.
_EXPANSION = 4
#: Channels of a stem of one convolution, whatever `stem_width` says.
_STEM_WIDTH = 64


def _require_sayable(arguments: TimmResNet, place: str) -> None:
    """Refuse what each argument allows alone but the arguments together do not."""
    for name, given in (("channels", arguments.channels), ("block", arguments.blocks)):
        if len(given) != len(arguments.layers):
            raise make_error(
                "contradiction",
                f"{place} has {len(given)} values of {name} for {len(arguments.layers)} stages.",
                path=name,
                expected=f"{len(arguments.layers)}, as many as `layers` has",
                found=str(list(given)),
            )
    layer = arguments.block_args.attn_layer if arguments.block_args else None
    if layer and abs(1 / layer.rd_ratio - round(1 / layer.rd_ratio)) > 1e-6:
        raise make_error(
            "contradiction",
            f"{place} has squeeze-excite whose hidden units are no whole part of its channels.",
            path="block_args.attn_layer.rd_ratio",
            expected="one over a whole number",
            found=f"{layer.rd_ratio:g}",
        )
    if arguments.aa_layer and (arguments.output_stride < 32 or arguments.replace_stem_pool):
        raise make_error(
            "contradiction",
            f"{place} has anti-aliasing with what timm then computes by rules of its own.",
            path="aa_layer",
            expected="none with `output_stride` or `replace_stem_pool`",
            found=arguments.aa_layer,
        )


def resnet_spec(place: str, arguments: TimmResNet) -> dict[str, Any]:
    """Return what a spec says of one of timm's `ResNet`, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the class.

    Raises:
        KresnetError: `contradiction`, for what each argument allows alone but the arguments together do not.
    """
    _require_sayable(arguments, place)
    blocks = [_block(arguments, index) for index in range(len(arguments.layers))]
    document: dict[str, Any] = {
        "convolution": {"padding": "symmetric", "initializer": "he_normal_fan_out"},
        "activation": ACTIVATIONS[arguments.act_layer],
        "stem": _stem(arguments),
        "block": blocks[0],
        "stages": [_stage(arguments, index, blocks) for index in range(len(blocks))],
    }
    if arguments.norm_layer == "groupnorm":
        document["norm"] = {"kind": "group", "groups": 32}
    return document


def _stem(arguments: TimmResNet) -> dict[str, Any]:
    width = arguments.stem_width
    if arguments.stem_type:
        first = width // 4 * 3 if arguments.stem_type == "deep_tiered" else width
        stem: dict[str, Any] = {"kind": "deep", "widths": [first, width, 2 * width]}
    else:
        stem = {"kind": "conv", "width": _STEM_WIDTH, "kernel": 7, "stride": 2}
    anti_alias = _anti_alias(arguments)
    if arguments.replace_stem_pool:
        pool: dict[str, Any] = {"kind": "conv", "size": 3, "stride": 2}
    elif anti_alias == "average":
        return stem | {"pool": {"kind": "average", "size": 2, "stride": 2}}
    else:
        pool = {"kind": "max", "size": 3, "stride": 2}
    return stem | {"pool": pool | ({"anti_alias": anti_alias} if anti_alias else {})}


def _anti_alias(arguments: TimmResNet) -> str | None:
    if not arguments.aa_layer:
        return None
    return "average" if arguments.aa_layer.startswith("avg") else "blur"


def _widths(arguments: TimmResNet, index: int) -> tuple[int, int]:
    """Channels of the 3x3 convolutions of a stage's blocks, and of their outputs."""
    channels = arguments.channels[index]
    if arguments.blocks[index] == "BasicBlock":
        return channels, channels
    return floor(channels * arguments.base_width / 64) * arguments.cardinality, channels * _EXPANSION


def _stage(arguments: TimmResNet, index: int, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    stage = {
        "blocks": arguments.layers[index],
        "width": _widths(arguments, index)[0],
        "stride": 1 if index == 0 else 2,
    }
    block, first = blocks[index], blocks[0]
    if block["kind"] != first["kind"]:
        return stage | {"block": block}
    changed = {key: value for key, value in block.items() if first.get(key) != value}
    return stage | ({"block": changed} if changed else {})


def _block(arguments: TimmResNet, index: int) -> dict[str, Any]:
    """The block of a stage; nothing is stated that would change nothing."""
    width, output = _widths(arguments, index)
    block: dict[str, Any] = {"kind": "basic", "zero_init_last": arguments.zero_init_last}
    if arguments.blocks[index] == "Bottleneck":
        expansion = output / width if width else 0.0
        block |= {"kind": "bottleneck", "expansion": int(expansion) if expansion.is_integer() else expansion}
        if arguments.cardinality > 1:
            block["groups"] = arguments.cardinality
    if arguments.block_reduce_first > 1:
        block["reduce_first"] = arguments.block_reduce_first
    if arguments.avg_down:
        block["downsample"] = "average_pool"
    elif arguments.down_kernel_size > 1:
        block["shortcut_kernel"] = arguments.down_kernel_size
    if anti_alias := _anti_alias(arguments):
        block["anti_alias"] = anti_alias
    if attention := _attention(arguments):
        block["attention"] = attention
    return block


def _attention(arguments: TimmResNet) -> dict[str, Any] | None:
    layer = arguments.block_args.attn_layer if arguments.block_args else None
    if layer is None:
        return None
    if layer.name == "eca":
        return {"kind": "efficient_channel"}
    reduction = round(1 / layer.rd_ratio)
    attention = {"kind": "squeeze_excite", "reduction": reduction}
    outputs = [_widths(arguments, index)[1] for index in range(len(arguments.layers))]
    rounded = any(width % (reduction * layer.rd_divisor) for width in outputs)
    return attention | ({"divisor": layer.rd_divisor} if rounded else {})


__all__ = ["resnet_spec"]
