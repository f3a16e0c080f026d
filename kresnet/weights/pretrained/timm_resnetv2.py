"""Specs of the networks of `timm/models/resnetv2.py`: pre-activation, and BiT's (Kolesnikov et al. 2020)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt

from kresnet.errors import make_error
from kresnet.spec.base import Document, Flag, Positive, Width
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, ActivationLayer, TimmNetwork, named


class ConvolutionLayer(Document):
    """A class of convolutions: its name, or in Python a `partial` with settings."""

    name: Literal["std_conv", "conv2d"]
    """Whether kernels are standardised."""
    eps: Positive = 1e-6
    """Added to the variance of kernels before the square root."""


class TimmResNetV2(TimmNetwork):
    """The arguments of timm's `ResNetV2` that a spec can say."""

    layers: tuple[Annotated[StrictInt, Field(ge=1, le=2000)], ...]
    """Number of blocks of each stage."""
    channels: tuple[Width, ...] = (256, 512, 1024, 2048)
    """Output channels of each stage."""
    width_factor: Width = 1
    """What all channels are multiplied by."""
    stem_chs: Width = 64
    """Channels of the stem, before the factor."""
    stem_type: Literal["", "fixed", "deep", "deep_fixed", "tiered"] = ""
    """One convolution of 7x7, or three of 3x3; `fixed` has zeros around the map before its maximum."""
    avg_down: Flag = False
    """Down-sample a shortcut by an average pool."""
    preact: Literal[True] = True
    """Whether norm and activation stand before the weights; timm's other order is for hybrids of other networks."""
    basic: Literal[False] = False
    """Whether blocks have two 3x3 convolutions; timm's first then adds what no norm has seen, which no spec can say."""
    bottle_ratio: Positive = 0.25
    """Channels of the 3x3 convolution over those of the stage."""
    act_layer: ActivationLayer = "relu"
    """Activation of stem and blocks."""
    norm_layer: Literal["groupnorm", "groupnormact", "batchnorm", "batchnorm2d"] = "groupnormact"
    """Norm of stem and blocks."""
    conv_layer: Annotated[ConvolutionLayer, BeforeValidator(named)] = Field(
        default_factory=lambda: ConvolutionLayer(name="std_conv")
    )
    """The convolutions of stem and blocks."""
    zero_init_last: Flag = False
    """Start the last kernel of each block at zero; weights that are loaded do not start."""

    @property
    def stages(self) -> int:
        return len(self.layers)


def resnetv2_spec(place: str, arguments: TimmResNetV2) -> dict[str, Any]:
    """Return what a spec says of one of timm's `ResNetV2`, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the class.

    Raises:
        KresnetError: `contradiction`, for what each argument allows alone but the arguments together do not.
    """
    if len(arguments.channels) != len(arguments.layers):
        raise make_error(
            "contradiction",
            f"{place} has {len(arguments.channels)} values of channels for {len(arguments.layers)} stages.",
            path="channels",
            expected=f"{len(arguments.layers)}, as many as `layers` has",
            found=str(list(arguments.channels)),
        )
    convolution: dict[str, Any] = {"padding": "symmetric", "bias": "never", "initializer": "he_normal_fan_out"}
    if arguments.conv_layer.name == "std_conv":
        convolution["weight_standardization"] = {"epsilon": arguments.conv_layer.eps}
    expansion = 1 / arguments.bottle_ratio
    block: dict[str, Any] = {
        "kind": "bottleneck",
        "order": "full_preactivation",
        "expansion": round(expansion) if abs(expansion - round(expansion)) < 1e-9 else expansion,
    }
    if arguments.avg_down:
        block["downsample"] = "average_pool"
    document = {
        "convolution": convolution,
        "activation": ACTIVATIONS[arguments.act_layer],
        "stem": _stem(arguments),
        "block": block,
        "stages": [
            {
                "blocks": blocks,
                "width": round(channels * arguments.width_factor * arguments.bottle_ratio),
                "stride": 1 if index == 0 else 2,
            }
            for index, (blocks, channels) in enumerate(zip(arguments.layers, arguments.channels, strict=True))
        ],
    }
    return document | ({"norm": {"kind": "group", "groups": 32}} if "group" in arguments.norm_layer else {})


def _stem(arguments: TimmResNetV2) -> dict[str, Any]:
    width = arguments.stem_chs * arguments.width_factor
    stem: dict[str, Any] = {"kind": "conv", "width": width, "kernel": 7, "stride": 2}
    if arguments.stem_type not in ("", "fixed"):
        first = 3 * width // 8 if arguments.stem_type == "tiered" else width // 2
        stem = {"kind": "deep", "widths": [first, width // 2, width]}
    fill = {"fill": "zero"} if "fixed" in arguments.stem_type else {}
    return stem | {"pool": {"kind": "max", "size": 3, "stride": 2} | fill}


__all__ = ["TimmResNetV2", "resnetv2_spec"]
