"""Specs of the networks of `timm/models/convnext.py` (Liu et al. 2022, arXiv:2201.03545; Woo et al. 2023)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt

from kresnet.errors import make_error
from kresnet.spec.base import Flag, Kernel, Positive, Stride, Width
from kresnet.weights.pretrained.timm_arguments import ACTIVATIONS, ActivationLayer, TimmNetwork

Stages = Field(min_length=4, max_length=4)


def _each(value: Any) -> Any:
    return [value] * 4 if isinstance(value, int) else value


class TimmConvNeXt(TimmNetwork):
    """The arguments of timm's `ConvNeXt` that a spec can say."""

    output_stride: Literal[16, 32] = 32
    """Largest down-sampling of the input; at 8 timm's windows lie between the pixels of the network that strides."""
    depths: Annotated[tuple[Annotated[StrictInt, Field(ge=1, le=2000)], ...], Stages] = (3, 3, 9, 3)
    """Number of blocks of each stage."""
    dims: Annotated[tuple[Width, ...], Stages] = (96, 192, 384, 768)
    """Channels of each stage."""
    kernel_sizes: Annotated[tuple[Kernel, ...], Stages, BeforeValidator(_each)] = (7, 7, 7, 7)
    """Kernel of the depthwise convolutions: one for all stages, or one a stage."""
    ls_init_value: Positive | None = 1e-6
    """Initial value of layer scale; none without."""
    stem_type: Literal["patch"] = "patch"
    """Whether the stem's windows lie side by side; timm's stems of two convolutions have no norm between them."""
    patch_size: Stride = 4
    """Side of a window of the stem."""
    head_init_scale: Positive = 1.0
    """What the classifier's initial weights are multiplied by; weights that are loaded do not start."""
    head_norm_first: Literal[False] = False
    """Whether the last norm stands before the pool, where no spec can say it."""
    head_hidden_size: Literal[None] = None
    """Units of a layer before the classifier, which no spec can say."""
    conv_mlp: Flag = False
    """Whether the layers on each pixel are 1x1 convolutions there; they compute the same."""
    conv_bias: Flag = True
    """Whether convolutions have a bias; those layers on each pixel always do."""
    use_grn: Flag = False
    """Whether blocks have a global response norm."""
    act_layer: ActivationLayer = "gelu"
    """Activation of blocks."""
    norm_layer: Literal["layernorm", "layernorm2d"] | None = None
    """Norm of stem and blocks."""
    norm_eps: Positive | None = None
    """Added to the variance of norms; 1e-6 where nothing is stated."""


def convnext_spec(place: str, arguments: TimmConvNeXt) -> dict[str, Any]:
    """Return what a spec says of one of timm's `ConvNeXt`, name, source, input and head's classes aside.

    Args:
        place: what the network is called in messages.
        arguments: the arguments of the class.

    Raises:
        KresnetError: `contradiction`, for what no spec can say.
    """
    if not arguments.conv_bias:
        raise make_error("contradiction", f"{place} has biases in some layers of a block and not in others.",
                         path="conv_bias", expected="true", found="false")  # fmt: skip
    norm = {"kind": "layer", "epsilon": arguments.norm_eps or 1e-6}
    block: dict[str, Any] = {"kind": "convnext"}
    if arguments.ls_init_value != 1e-6:
        block["layer_scale"] = arguments.ls_init_value
    if arguments.use_grn:
        block["response_norm"] = True
    if arguments.act_layer != "gelu":
        block["activation"] = ACTIVATIONS[arguments.act_layer]
    document: dict[str, Any] = {
        "convolution": {"bias": "always", "initializer": "normal"},
        "norm": norm,
        "stem": {"kind": "patch", "width": arguments.dims[0], "size": arguments.patch_size},
        "block": block,
        "stages": [
            {"blocks": blocks, "width": width, "stride": 1 if index == 0 and arguments.patch_size != 2 else 2}
            | ({"block": {"kernel": kernel}} if kernel != 7 else {})
            for index, (blocks, width, kernel) in enumerate(
                zip(arguments.depths, arguments.dims, arguments.kernel_sizes, strict=True)
            )
        ],
    }
    return document | ({"head": {"norm": norm}} if arguments.num_classes else {})


__all__ = ["TimmConvNeXt", "convnext_spec"]
