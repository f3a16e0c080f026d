"""Specs of timm's residual networks: an entry point's arguments, and those of a hub's configuration, as settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import floor
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, nearest
from kresnet.spec.architecture import Spec
from kresnet.spec.contradictions import find_contradictions
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, TimmConfiguration, TimmNetwork

#: What timm's `Bottleneck` multiplies a stage's channels by.
_EXPANSION = 4
#: Channels of a stem of one convolution, whatever `stem_width` says.
_STEM_WIDTH = 64


@cache
def timm_facts() -> dict[str, Any]:
    """Return what `timm_models.json` holds: `timm` (its version), `architectures` and `weights`, by name."""
    return json.loads(Path(__file__).with_name("timm_models.json").read_text(encoding="utf-8"))


def timm_spec(
    architecture: str, model_args: Mapping[str, Any], *, pretrained_cfg: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the spec of a residual network that timm builds.

    Args:
        architecture: an entry point of `timm/models/resnet.py`, such as `resnet50d`.
        model_args: arguments that differ from the entry point's, by timm's names, as a hub's `config.json` states them;
            classes of layers by the texts that timm takes for them.
        pretrained_cfg: what timm says of a set of weights: `input_size`, `mean`, `std`, `crop_pct`, `crop_mode`,
            `interpolation` and `num_classes` are read. ImageNet's usual values where it is silent.

    Returns:
        A document of the form that `kresnet.spec` validates; a network without classes has the last stage's map as its
        output.

    Raises:
        KresnetError: `unknown_name` for another architecture; for what no spec can say, `unknown_field`, `wrong_value`,
            `wrong_type`, `out_of_range` or `contradiction`, naming the argument.
    """
    architectures = timm_facts()["architectures"]
    if architecture not in architectures:
        raise make_error(
            "unknown_name",
            f"{architecture} is no residual network of timm's that kresnet knows.",
            nearest=nearest(architecture, list(architectures)),
        )
    place = f"timm's {architecture}"
    configuration = _configuration(place, pretrained_cfg or {})
    own = architectures[architecture]["model_args"]
    stated = {"num_classes": configuration.num_classes, "in_chans": configuration.input_size[0], **own, **model_args}
    arguments = validate(TimmNetwork, SourceDocument(place, stated))
    _require_sayable(arguments, place)
    document = _document(architecture, arguments, configuration)
    if problems := find_contradictions(validate(Spec, SourceDocument(place, document))):
        raise KresnetError(problems)
    return document


def _configuration(place: str, stated: Mapping[str, Any]) -> TimmConfiguration:
    """What is read of a configuration; what timm says besides is no concern of a spec."""
    known = {key: value for key, value in stated.items() if key in TimmConfiguration.model_fields}
    return validate(TimmConfiguration, SourceDocument(f"{place}, pretrained_cfg", known))


def _require_sayable(arguments: TimmNetwork, place: str) -> None:
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


def _document(architecture: str, arguments: TimmNetwork, configuration: TimmConfiguration) -> dict[str, Any]:
    blocks = [_block(arguments, index) for index in range(len(arguments.layers))]
    document: dict[str, Any] = {
        "name": architecture,
        "source": f"timm {timm_facts()['timm']}, {architecture}",
        "input": _input(arguments, configuration),
        "convolution": {"padding": "symmetric", "initializer": "he_normal_fan_out"},
        "activation": ACTIVATIONS[arguments.act_layer],
        "stem": _stem(arguments),
        "block": blocks[0],
        "stages": [_stage(arguments, index, blocks) for index in range(len(blocks))],
        "head": _head(arguments),
    }
    if arguments.norm_layer == "groupnorm":
        document["norm"] = {"kind": "group", "groups": 32}
    if arguments.output_stride < 32:
        document["output_stride"] = arguments.output_stride
    if arguments.drop_path_rate:
        document["stochastic_depth"] = arguments.drop_path_rate
    return document


def _input(arguments: TimmNetwork, configuration: TimmConfiguration) -> dict[str, Any]:
    """Timm's evaluation: the shorter side becomes the crop over `crop_pct`, rounded down (`timm.data.transforms_*`)."""
    _, height, width = configuration.input_size
    resize: dict[str, Any] = {"kind": "stretch", "interpolation": configuration.interpolation}
    if configuration.crop_mode == "center":
        shorter_side = floor(min(height, width) / configuration.crop_pct)
        resize |= {"kind": "center_crop", "shorter_side": shorter_side}
    return {
        "shape": [height, width, arguments.in_chans],
        "pixels": {name: _of_each_channel(configuration, name, arguments.in_chans) for name in ("mean", "std")},
        "resize": resize,
    }


def _of_each_channel(configuration: TimmConfiguration, name: str, channels: int) -> list[float]:
    """ImageNet's mean or deviation, if none is stated; their average, unless there are three channels."""
    values = list(getattr(configuration, name))
    stated = name in configuration.model_fields_set
    return values if stated or channels == len(values) else [round(sum(values) / len(values), 3)]


def _stem(arguments: TimmNetwork) -> dict[str, Any]:
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


def _anti_alias(arguments: TimmNetwork) -> str | None:
    if not arguments.aa_layer:
        return None
    return "average" if arguments.aa_layer.startswith("avg") else "blur"


def _widths(arguments: TimmNetwork, index: int) -> tuple[int, int]:
    """Channels of the 3x3 convolutions of a stage's blocks, and of their outputs."""
    channels = arguments.channels[index]
    if arguments.blocks[index] == "BasicBlock":
        return channels, channels
    return floor(channels * arguments.base_width / 64) * arguments.cardinality, channels * _EXPANSION


def _stage(arguments: TimmNetwork, index: int, blocks: list[dict[str, Any]]) -> dict[str, Any]:
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


def _block(arguments: TimmNetwork, index: int) -> dict[str, Any]:
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


def _attention(arguments: TimmNetwork) -> dict[str, Any] | None:
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


def _head(arguments: TimmNetwork) -> dict[str, Any]:
    if arguments.num_classes == 0:
        return {"kind": "features", "stages": [len(arguments.layers)]}
    head: dict[str, Any] = {"classes": arguments.num_classes}
    if arguments.global_pool == "max":
        head["pool"] = "max"
    if arguments.drop_rate:
        head["dropout"] = arguments.drop_rate
    return head


__all__ = ["timm_facts", "timm_spec"]
