"""Specs of the networks of `timm/models/regnet.py` (Radosavovic et al. 2020, arXiv:2003.13678)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from kresnet.spec.base import Flag, Fraction, NonNegative, Positive, Width
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, ActivationLayer, TimmNetwork


class TimmRegNet(TimmNetwork):
    """The arguments of timm's `RegNet`, those of its configuration included, that a spec can say."""

    depth: Annotated[StrictInt, Field(ge=1, le=2000)] = 21
    """Number of blocks."""
    w0: Width = 80
    """Width that the rule begins with."""
    wa: NonNegative = 42.63
    """Width by which it rises from block to block."""
    wm: Positive = 2.66
    """Factor from stage to stage."""
    group_size: Width = 24
    """Channels in a group of the 3x3 convolution."""
    bottle_ratio: Positive = 1.0
    """Channels of the 3x3 convolution over those of the block."""
    se_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    """Hidden units of squeeze-excite over the channels that enter the block; 0 for none."""
    group_min_ratio: Fraction = 0.0
    """The least share of a width that rounding to groups leaves."""
    stem_width: Width = 32
    """Channels of the stem."""
    downsample: Literal["conv1x1", "avg", ""] | None = "conv1x1"
    """How a shortcut changes its shape; none where it would have to."""
    linear_out: Flag = False
    """Whether no activation follows the addition, and one the last stage."""
    preact: Literal[False] = False
    """Whether norm and activation stand before the weights: timm's then adds what is normed, which no spec can say."""
    num_features: Annotated[StrictInt, Field(ge=0, le=65_536)] = 0
    """Channels of a 1x1 convolution behind the last stage; 0 for none."""
    act_layer: ActivationLayer = "relu"
    """Activation of stem and blocks."""
    norm_layer: Literal["batchnorm", "batchnorm2d"] = "batchnorm"
    """Norm of stem and blocks."""
    zero_init_last: Flag = True
    """Start the last gamma of each block at zero."""


def regnet_spec(place: str, arguments: TimmRegNet) -> dict[str, Any]:
    """Return what a spec says of one of timm's `RegNet`, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the class.
    """
    expansion = 1 / arguments.bottle_ratio
    rule = {name: getattr(arguments, name) for name in ("w0", "wa", "wm", "depth")}
    rule |= {"group_width": arguments.group_size}
    if arguments.group_min_ratio:
        rule["least_share"] = arguments.group_min_ratio
    activation = ACTIVATIONS[arguments.act_layer]
    block: dict[str, Any] = {
        "kind": "bottleneck",
        "expansion": round(expansion) if expansion.is_integer() else expansion,
        "zero_init_last": arguments.zero_init_last,
    }
    if not arguments.downsample:
        block["shortcut"] = "identity"
    elif arguments.downsample == "avg":
        block["downsample"] = "average_pool"
    if arguments.linear_out:
        block["order"] = "no_activation_after_add"
    if arguments.se_ratio:
        block["attention"] = _squeeze_excite(arguments, activation)
        block["attention_at"] = "conv3x3"
    document: dict[str, Any] = {
        "convolution": {"padding": "symmetric", "initializer": "he_normal_fan_out"},
        "activation": activation,
        "stem": {"kind": "conv", "width": arguments.stem_width, "kernel": 3, "stride": 2},
        "block": block,
        "widths": {"regnet": rule},
    }
    if arguments.num_classes and arguments.num_features:
        document["neck"] = {"width": arguments.num_features}
    elif arguments.num_classes and arguments.linear_out:
        document["neck"] = {}
    return document


def _squeeze_excite(arguments: TimmRegNet, activation: str) -> dict[str, Any]:
    """Hidden units are rounded, where the ratio does not give whole numbers of the channels that enter."""
    reduction = round(1 / arguments.se_ratio)
    attention: dict[str, Any] = {"kind": "squeeze_excite", "reduction": reduction, "relative_to": "block_input"}
    if arguments.group_size % reduction:
        attention["divisor"] = 1
    return attention | ({"activation": activation} if activation != "relu" else {})


__all__ = ["TimmRegNet", "regnet_spec"]
