"""Specs of the EfficientNets of `timm/models/efficientnet.py`: B0 to B8, L2, Lite, and version 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS
from kresnet.weights.pretrained.timm_mobilenet import InvertedStage, TimmInverted, inverted_spec

Variant = Literal["b", "lite", "v2_base", "v2_s", "v2_m", "v2_l", "v2_xl"]


class TimmEfficientNet(TimmInverted):
    """The arguments that timm's generators of EfficientNets share, and which generator it is."""

    variant: Variant = "b"
    """The generator: `_gen_efficientnet`, `_gen_efficientnet_lite`, `_gen_efficientnetv2_base` and so on."""
    channel_divisor: int = Field(8, strict=True, ge=1, le=65_536)
    """What scaled widths are multiples of."""
    rw: Literal[False] = False
    """Whether version 2 is as timm had it before it was published, with another block and head."""

    @property
    def stages(self) -> int:
        return len(_STAGES[self.variant])


#: Stages of B0 and of Lite0: blocks, width, stride, and what its blocks change.
_FIRST: tuple[InvertedStage, ...] = (
    *((1, 16, 1, {"expansion": 1}), (2, 24, 2, {}), (2, 40, 2, {"kernel": 5}), (3, 80, 2, {})),
    *((3, 112, 1, {"kernel": 5}), (4, 192, 2, {"kernel": 5}), (1, 320, 1, {})),
)


def _second(*stages: tuple[int, int]) -> tuple[InvertedStage, ...]:
    """Stages of version 2, by blocks and width: three of fused blocks, and then of inverted ones."""
    kinds: tuple[tuple[int, dict[str, Any]], ...] = (
        (1, {"kind": "fused_inverted", "expansion": 1, "order": "relu_before_add"}),
        (2, {"kind": "fused_inverted", "expansion": 4}),
        (2, {"kind": "fused_inverted", "expansion": 4}),
        (2, {"expansion": 4}),
        *((1, {}), (2, {}), (1, {})),
    )
    return tuple((*stage, *kind) for stage, kind in zip(stages, kinds, strict=False))


_STAGES: dict[str, tuple[InvertedStage, ...]] = {
    "b": _FIRST,
    "lite": _FIRST,
    "v2_base": _second((1, 16), (2, 32), (2, 48), (3, 96), (5, 112), (8, 192)),
    "v2_s": _second((2, 24), (4, 48), (4, 64), (6, 128), (9, 160), (15, 256)),
    "v2_m": _second((3, 24), (5, 48), (5, 80), (7, 160), (14, 176), (18, 304), (5, 512)),
    "v2_l": _second((4, 32), (7, 64), (7, 96), (10, 192), (19, 224), (25, 384), (7, 640)),
    "v2_xl": _second((4, 32), (8, 64), (8, 96), (16, 192), (24, 256), (32, 512), (8, 640)),
}
_STEMS = {"v2_s": 24, "v2_m": 24}


def efficientnet_spec(place: str, arguments: TimmEfficientNet) -> dict[str, Any]:
    """Return what a spec says of one of timm's EfficientNets, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the generator.
    """
    variant, lite = arguments.variant, arguments.variant == "lite"
    fixed: Sequence[str] = ["stem", "neck", "first_and_last"] if lite else []
    if variant in ("v2_m", "v2_l", "v2_xl") and arguments.channel_multiplier != 1:
        fixed = ["neck"]
    document = inverted_spec(
        arguments,
        "relu6" if lite else "silu",
        _STEMS.get(variant, 32),
        _STAGES[variant],
        fixed=[*fixed],
        least_share=0.0 if variant == "v2_base" else 0.9,
    )
    if arguments.channel_divisor != 8 and "scaling" in document:
        document["scaling"]["divisor"] = arguments.channel_divisor
    if not lite:
        activation = ACTIVATIONS[arguments.act_layer or "silu"]
        attention = {"kind": "squeeze_excite", "reduction": 4, "relative_to": "block_input", "activation": activation}
        document["block"] |= {"attention": attention}
    return document | ({"neck": {"width": 1280}} if arguments.num_classes else {})


__all__ = ["TimmEfficientNet", "efficientnet_spec"]
