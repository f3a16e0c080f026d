"""Specs of timm's MobileNets: V2 of `timm/models/efficientnet.py`, V3 of `timm/models/mobilenetv3.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from kresnet.spec.base import Flag, Positive
from kresnet.spec.inverted_blocks import InvertedBlock
from kresnet.spec.rounding import LEAST_SHARE, round_to_multiple
from kresnet.spec.scaling import Scaling
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, ActivationLayer, TimmNetwork

#: What timm's batch norms add to the variance, and what they keep of it, where nothing is stated.
_EPSILON, _MOMENTUM = 1e-5, 0.1


class TimmInverted(TimmNetwork):
    """The arguments that timm's networks of inverted blocks share, those of their generators included."""

    channel_multiplier: Positive = 1.0
    """Factor of the channels."""
    depth_multiplier: Positive = 1.0
    """Factor of the blocks of a stage."""
    pad_type: Literal["", "same"] = ""
    """How windows are padded: as PyTorch, or as TensorFlow."""
    act_layer: ActivationLayer | None = None
    """Activation of stem and blocks; the generator's by default."""
    bn_eps: Positive | None = None
    """Epsilon of batch norms; PyTorch's by default."""
    bn_momentum: Annotated[Positive, Field(le=1)] | None = None
    """Momentum of batch norms, as PyTorch counts it."""


class TimmMobileNetV2(TimmInverted):
    """The arguments of timm's `_gen_mobilenet_v2`."""

    fix_stem_head: Flag = False
    """Whether stem, last convolution, first and last stage stay as they are."""

    @property
    def stages(self) -> int:
        return 7


class TimmMobileNetV3(TimmInverted):
    """The arguments of timm's `_gen_mobilenet_v3`, and what it reads of the name."""

    size: Literal["large", "small"] = "large"
    """Which of the two networks it is."""
    minimal: Flag = False
    """Whether it is without squeeze-excite, hard-swish and 5x5 convolutions."""
    depth_multiplier: Annotated[Positive, Field(ge=1, le=1)] = 1.0
    """Factor of the blocks of a stage: timm's shares them out among unlike blocks, which no spec can say."""

    @property
    def stages(self) -> int:
        return 6 if self.size == "large" else 5


#: A stage: blocks, width, stride, and what its blocks change.
InvertedStage = tuple[int, int, int, dict[str, Any]]
#: Stages of MobileNetV2: blocks, width, stride, and what its blocks change.
MOBILENET_V2: tuple[InvertedStage, ...] = (
    *((1, 16, 1, {"expansion": 1}), (2, 24, 2, {}), (3, 32, 2, {}), (4, 64, 2, {}), (3, 96, 1, {})),
    *((3, 160, 2, {}), (1, 320, 1, {})),
)
_RELU, _NO_ATTENTION, _WIDE = {"activation": "relu"}, {"attention": None}, {"kernel": 5}
_MOBILENET_V3: dict[str, tuple[InvertedStage, ...]] = {
    "large": (
        (1, 16, 1, {"expansion": 1} | _RELU | _NO_ATTENTION),
        (2, 24, 2, {"expansions": [4, 3]} | _RELU | _NO_ATTENTION),
        (3, 40, 2, {"expansion": 3} | _RELU | _WIDE),
        (4, 80, 2, {"expansions": [6, 2.5, 2.3]} | _NO_ATTENTION),
        (2, 112, 1, {}),
        (3, 160, 2, _WIDE),
    ),
    "small": (
        (1, 16, 2, {"expansion": 1} | _RELU),
        (2, 24, 2, {"expansions": [4.5, 3.67]} | _RELU | _NO_ATTENTION),
        (3, 40, 2, {"expansions": [4, 6]} | _WIDE),
        (2, 48, 1, {"expansion": 3} | _WIDE),
        (3, 96, 2, _WIDE),
    ),
}
_SQUEEZE_EXCITE = {"kind": "squeeze_excite", "reduction": 4, "divisor": 8, "gate": "hard_sigmoid"}


def mobilenet_v2_spec(place: str, arguments: TimmMobileNetV2) -> dict[str, Any]:
    """Return what a spec says of one of timm's MobileNetV2, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the generator.
    """
    fixed = ["stem", "neck", "first_and_last"] if arguments.fix_stem_head else []
    if arguments.channel_multiplier < 1 and not fixed:
        fixed = ["neck"]
    document = inverted_spec(arguments, "relu6", 32, MOBILENET_V2, fixed=fixed)
    return document | ({"neck": {"width": 1280}} if arguments.num_classes else {})


def mobilenet_v3_spec(place: str, arguments: TimmMobileNetV3) -> dict[str, Any]:
    """Return what a spec says of one of timm's MobileNetV3, name, source, input and head aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the generator.
    """
    stages = _MOBILENET_V3[arguments.size]
    if arguments.minimal:
        plain = ("expansion", "expansions")
        stages = tuple((*stage[:3], {key: own for key, own in stage[3].items() if key in plain}) for stage in stages)
    fixed = ["stem"] if arguments.channel_multiplier < 0.75 else []
    document = inverted_spec(arguments, "relu" if arguments.minimal else "hard_silu", 16, stages, fixed=fixed)
    if not arguments.minimal:
        document["block"] |= {"attention": _SQUEEZE_EXCITE | _needed_share(arguments, stages)}
    if arguments.num_classes:
        document["neck"] = {"width": 960 if arguments.size == "large" else 576}
        document["head"] = {"hidden": 1280 if arguments.size == "large" else 1024}
    return document


def inverted_spec(
    arguments: TimmInverted,
    activation: str,
    stem: int,
    stages: Sequence[InvertedStage],
    *,
    fixed: list[str],
    least_share: float = 0.9,
) -> dict[str, Any]:
    """Return what a spec says of a network of inverted blocks, without what follows its stages.

    Args:
        arguments: the arguments of the generator.
        activation: the generator's own activation.
        stem: channels of the stem.
        stages: of each stage blocks, width, stride, and what its blocks change.
        fixed: what is not scaled.
        least_share: what rounding of scaled widths leaves at least.
    """
    norm: dict[str, Any] = {"kind": "batch"}
    if arguments.bn_eps not in (None, _EPSILON):
        norm["epsilon"] = arguments.bn_eps
    if arguments.bn_momentum not in (None, _MOMENTUM):
        norm["momentum"] = round(1 - float(arguments.bn_momentum or 0), 9)
    document: dict[str, Any] = {
        "convolution": {"padding": arguments.pad_type or "symmetric", "initializer": "he_normal_fan_out"},
        "norm": norm,
        "activation": ACTIVATIONS[arguments.act_layer] if arguments.act_layer else activation,
        "stem": {"kind": "conv", "width": stem, "kernel": 3, "stride": 2},
        "block": {"kind": "inverted"},
        "stages": [
            {"blocks": blocks, "width": width, "stride": stride} | ({"block": dict(own)} if own else {})
            for blocks, width, stride, own in stages
        ],
    }
    scaling = {"width": arguments.channel_multiplier, "depth": arguments.depth_multiplier}
    if scaling != {"width": 1.0, "depth": 1.0}:
        own = {"least_share": least_share} if least_share != LEAST_SHARE else {}
        document["scaling"] = scaling | own | ({"fixed": fixed} if fixed else {})
    return document


def _needed_share(arguments: TimmMobileNetV3, stages: Sequence[InvertedStage]) -> dict[str, float]:
    """The least share of hidden units, where rounding ever leaves less."""
    multiplier, entering = arguments.channel_multiplier, 16
    for blocks, width, _, own in stages:
        block = InvertedBlock.model_validate({"kind": "inverted", "activation": "relu", **own})
        for number in range(1, blocks + 1):
            units = block.inner_width(entering, number) / 4
            if "attention" not in own and round_to_multiple(units, 8) < LEAST_SHARE * units:
                return {"least_share": LEAST_SHARE}
            entering = width if multiplier == 1 else Scaling(width=multiplier).scaled_width(width)
    return {}


__all__ = ["MOBILENET_V2", "TimmInverted", "TimmMobileNetV2", "TimmMobileNetV3", "inverted_spec", "mobilenet_v2_spec",
           "mobilenet_v3_spec"]  # fmt: skip
