"""The arguments that timm makes its networks of, as its classes take them and a hub's `config.json` says them.

Only what a spec can say is accepted, with the defaults of timm 1.0; anything else is a problem that names the argument.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt

from kresnet.spec.base import Document, Flag, Fraction, Kernel, Number, Positive, Text, Width

BlockClass = Literal["BasicBlock", "Bottleneck"]
#: timm's name of an activation -> a spec's.
ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "elu": "elu",
    "selu": "selu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "mish": "mish",
    "hard_swish": "hard_silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
ActivationLayer = Literal[
    "relu", "relu6", "elu", "selu", "silu", "swish", "gelu", "mish", "hard_swish", "sigmoid", "tanh"
]  # fmt: skip


def named(value: Any) -> Any:
    """Return a layer's name as the mapping that a layer with settings is."""
    return {"name": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class AttentionLayer(Document):
    """An attention layer: timm takes its name alone, or in Python a `partial` with settings."""

    name: Literal["se", "eca"]
    """timm's name of the layer."""
    rd_ratio: Positive = 1 / 16
    """Hidden units over channels, of squeeze-excite."""
    rd_divisor: Width = 8
    """What the hidden units of squeeze-excite are a multiple of."""


class BlockArguments(Document):
    """What all blocks of the network are given."""

    attn_layer: Annotated[AttentionLayer | None, BeforeValidator(named)] = None
    """The attention at the end of each residual branch."""


class TimmNetwork(Document):
    """The arguments that all of timm's networks take, by timm's names."""

    num_classes: Annotated[StrictInt, Field(ge=0, le=65_536)] = 1000
    """Number of classes; 0 for a network without a classifier."""
    in_chans: Width = 3
    """Channels of the image."""
    output_stride: Literal[8, 16, 32] = 32
    """Largest down-sampling of the input."""
    global_pool: Literal["avg", "max"] = "avg"
    """How the last map becomes a vector."""
    drop_rate: Fraction = 0.0
    """Rate of dropout before the classifier."""
    drop_path_rate: Fraction = 0.0
    """Rate of stochastic depth of the last block."""

    @property
    def stages(self) -> int:
        """Number of stages."""
        return 4


class TimmResNet(TimmNetwork):
    """The arguments of timm's `ResNet`, by timm's names."""

    block: Annotated[tuple[BlockClass, ...], BeforeValidator(_listed)]
    """The kind of the blocks: one for all stages, or one a stage."""
    layers: Annotated[tuple[Annotated[StrictInt, Field(ge=1, le=2000)], ...], Field(min_length=1, max_length=16)]
    """Number of blocks of each stage."""
    channels: tuple[Width, ...] = (64, 128, 256, 512)
    """Channels of each stage, before the block's expansion."""
    cardinality: Width = 1
    """Groups of a bottleneck's 3x3 convolution."""
    base_width: Width = 64
    """Channels of a group of a bottleneck's 3x3 convolution, in 64ths of the stage's channels."""
    stem_width: Width = 64
    """Channels of a deep stem's second convolution."""
    stem_type: Literal["", "deep", "deep_tiered"] = ""
    """One convolution of 7x7 to 64 channels, or three of 3x3."""
    replace_stem_pool: Flag = False
    """Down-sample after the stem by a strided convolution."""
    block_reduce_first: Width = 1
    """What the width of a block's first convolution is divided by."""
    down_kernel_size: Kernel = 1
    """Kernel of a shortcut's convolution that strides."""
    avg_down: Flag = False
    """Down-sample a shortcut by an average pool."""
    act_layer: ActivationLayer = "relu"
    """Activation of stem and blocks."""
    norm_layer: Literal["batchnorm", "batchnorm2d", "groupnorm"] = "batchnorm2d"
    """Norm of stem and blocks."""
    aa_layer: Literal["", "avg", "avgpool", "blur", "blurpool"] | None = None
    """Anti-aliasing: what down-samples behind a convolution that then does not stride."""
    drop_block_rate: Annotated[Number, Field(ge=0, le=0)] = 0.0
    """Rate of DropBlock, which no spec can say."""
    zero_init_last: Flag = True
    """Start the last gamma of each block at zero."""
    block_args: BlockArguments | None = None
    """What all blocks are given."""
    pruned: Literal[False] = False
    """Whether the network's widths are those that a pruning left, layer by layer, which no spec can say."""

    @property
    def blocks(self) -> tuple[BlockClass, ...]:
        """Kind of the blocks of each stage."""
        return self.block * len(self.layers) if len(self.block) == 1 else self.block

    @property
    def stages(self) -> int:
        return len(self.layers)


class TimmConfiguration(Document):
    """What timm's `pretrained_cfg` says of the pixels of a set of weights; what else it says is left alone."""

    input_size: Annotated[tuple[Width, ...], Field(min_length=3, max_length=3)] = (3, 224, 224)
    """Channels, height and width."""
    crop_pct: Annotated[Positive, Field(le=1)] = 0.875
    """Share of the image that the crop takes, of each side."""
    crop_mode: Literal["center", "squash"] = "center"
    """Whether an image keeps its proportions."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How pixels are interpolated."""
    mean: tuple[Number, ...] = (0.485, 0.456, 0.406)
    """What is subtracted from pixels of 0 to 1."""
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    """What they are divided by then."""
    num_classes: Annotated[StrictInt, Field(ge=0, le=65_536)] = 1000
    """Number of classes."""
    license: Text | None = None
    """Licence of the weights."""


__all__ = ["ACTIVATIONS", "ActivationLayer", "TimmConfiguration", "TimmNetwork", "TimmResNet", "named"]
