"""The spec: what a user can say of a residual network. Defaults live here and nowhere else.

Settings cascade: `norm` and `activation` of the network are the defaults of `block`, and `block` gives the
defaults of every stage's own `block` (see `kresnet.spec.base.merge`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictStr, Tag, model_validator

from kresnet.spec.base import (
    Count,
    Document,
    Flag,
    Fraction,
    Kernel,
    Momentum,
    Name,
    NonNegative,
    Number,
    Positive,
    Stride,
    Text,
    Width,
    merge,
)

Activation = Literal[
    "relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "hard_silu", "sigmoid", "tanh", "softplus"
]  # fmt: skip
Order = Literal[
    "post_activation",
    "norm_after_add",
    "relu_before_add",
    "relu_only_preactivation",
    "full_preactivation",
    "no_activation_after_add",
]
Shortcut = Literal["none", "identity_pad", "projection", "projection_all"]
Initializer = Literal["he_normal", "he_normal_fan_out", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal"]


class Pixels(Document):
    """What a pixel means: bytes 0-255 are mapped linearly to `range`, then normalised by `mean` and `std`."""

    range: tuple[Number, Number] = (0.0, 1.0)
    """The numbers that the byte values 0 and 255 become."""
    mean: tuple[Number, ...] = (0.0,)
    """Subtracted after scaling: one number, or one a channel."""
    std: tuple[Positive, ...] = (1.0,)
    """Divided by, after the mean: one number, or one a channel."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """The order in which a colour image's channels reach the first convolution."""


class Stretch(Document):
    """Resize to the input's height and width, whatever the image's own proportions."""

    kind: Literal["stretch"]
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How pixels are interpolated; an antialiasing filter is used when shrinking."""


class CenterCrop(Document):
    """Resize the shorter side, keeping proportions, then cut the centre to the input's height and width."""

    kind: Literal["center_crop"]
    shorter_side: Width
    """Length in pixels of the shorter side before the cut."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How pixels are interpolated; an antialiasing filter is used when shrinking."""


Resize = Annotated[Stretch | CenterCrop, Field(discriminator="kind")]


class Input(Document):
    """What enters the network: an image `[height, width, channels]` or a vector `[length]`."""

    shape: tuple[Width, ...] = Field(min_length=1, max_length=3)
    """`[height, width, channels]`, or `[length]` for a vector."""
    any_size: Flag = False
    """Build the graph for any height and width; the plan's figures are for `shape`."""
    pixels: Pixels | None = None
    """What a pixel means; images only."""
    resize: Resize | None = None
    """How an image of another size is brought to `shape`; images only."""

    @model_validator(mode="before")
    @classmethod
    def _image_defaults(cls, document: Any) -> Any:
        if isinstance(document, dict) and isinstance(shape := document.get("shape"), list | tuple) and len(shape) == 3:
            return {"pixels": {}, "resize": {"kind": "stretch"}} | document
        return document

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3


class BatchNorm(Document):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167)."""

    kind: Literal["batch"]
    momentum: Momentum = 0.9
    """Share of the old moving statistics kept at each step (PyTorch's momentum is one minus this)."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""
    synchronized: Flag = False
    """Use the statistics of the global batch rather than of each replica."""


class GroupNorm(Document):
    """Group normalisation (Wu and He 2018, arXiv:1803.08494)."""

    kind: Literal["group"]
    groups: Width = 32
    """Groups of channels; must divide every normalised width."""
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""


class LayerNorm(Document):
    """Layer normalisation over the channels of each position (Ba et al. 2016, arXiv:1607.06450)."""

    kind: Literal["layer"]
    epsilon: Positive = 1e-5
    """Added to the variance before the square root."""


class NoNorm(Document):
    """No normalisation."""

    kind: Literal["none"]


Norm = Annotated[BatchNorm | GroupNorm | LayerNorm | NoNorm, Field(discriminator="kind")]


class Convolution(Document):
    """Settings that every convolution of the network shares."""

    padding: Literal["same", "symmetric"] = "same"
    """`same`: as TensorFlow pads (at the end where a stride leaves it uneven); `symmetric`: as PyTorch pads."""
    bias: Literal["where_no_norm", "always", "never"] = "where_no_norm"
    """Which convolutions have a bias; after one that feeds a norm directly it would be redundant."""
    initializer: Initializer = "he_normal"
    """Initial kernels, of dense layers too (He et al. 2015, arXiv:1502.01852, for the `he_` family)."""


class StemPool(Document):
    """Down-sampling between the stem's convolutions and the first stage."""

    kind: Literal["max", "average", "conv"]
    """`conv` is a strided convolution with norm and activation (Bello et al. 2021, arXiv:2103.07579, ResNet-RS)."""
    size: Kernel = 3
    """Window, in pixels a side."""
    stride: Stride = 2
    """Step, in pixels."""


class ConvStem(Document):
    """One convolution, and optionally a pool: 7x7 stride 2 for ImageNet, 3x3 stride 1 for small images."""

    kind: Literal["conv"]
    width: Width = 64
    """Output channels."""
    kernel: Kernel = 7
    """Kernel size."""
    stride: Stride = 2
    """Stride."""
    pool: StemPool | None = None
    """Down-sampling after it."""


class DeepStem(Document):
    """A chain of 3x3 convolutions, the first strided (He et al. 2018, arXiv:1812.01187, ResNet-C).

    Widths that grow, such as `[24, 48, 64]`, make it the tiered stem.
    """

    kind: Literal["deep"]
    widths: tuple[Width, ...] = Field((32, 32, 64), min_length=1, max_length=16)
    """Output channels of each convolution."""
    stride: Stride = 2
    """Stride of the first."""
    pool: StemPool | None = None
    """Down-sampling after the last."""


class NoStem(Document):
    """The first stage reads the input itself."""

    kind: Literal["none"]


Stem = Annotated[ConvStem | DeepStem | NoStem, Field(discriminator="kind")]


class SqueezeExcite(Document):
    """Channel attention on the residual branch (Hu et al. 2018, arXiv:1709.01507)."""

    reduction: Width = 16
    """Channels over hidden units; must divide the channels."""
    activation: Activation = "relu"
    """Between the two dense layers."""
    gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid"
    """Of the second dense layer, which scales the channels."""


class _Block(Document):
    order: Order = "post_activation"
    """Order of norm, activation and weights (He et al. 2016, arXiv:1603.05027, Fig. 4)."""
    shortcut: Shortcut = "projection"
    """`none` (a plain network), or options A, B and C of He et al. 2015, section 4.1."""
    activation: Activation = "relu"
    """Activation of the block; the network's by default."""
    norm: Norm = Field(default_factory=lambda: BatchNorm(kind="batch"))
    """Norm of the block; the network's by default."""
    zero_init_last: Flag = False
    """Start the last gamma before the addition at zero, so that the block starts as the identity."""
    dropout: Fraction = 0.0
    """Rate of dropout before the last weights of the block (Zagoruyko and Komodakis 2016, arXiv:1605.07146)."""


class _ConvBlock(_Block):
    downsample: Literal["conv", "average_pool"] = "conv"
    """How a shortcut shrinks the map: by its own stride, or by an average pool before it (ResNet-D)."""
    squeeze_excite: SqueezeExcite | None = None
    """Channel attention at the end of the residual branch."""


class BasicBlock(_ConvBlock):
    """Two 3x3 convolutions."""

    kind: Literal["basic"]


class BottleneckBlock(_ConvBlock):
    """1x1, 3x3, 1x1 convolutions; the last widens by `expansion`."""

    kind: Literal["bottleneck"]
    expansion: Annotated[int, Field(strict=True, ge=1, le=64)] = 4
    """Output channels of the block over its `width`."""
    stride_on: Literal["conv1x1", "conv3x3"] = "conv3x3"
    """Which convolution strides: the first 1x1 (He et al. 2015) or the 3x3 (as PyTorch's ResNet)."""
    groups: Width | None = None
    """Groups of the 3x3 convolution (Xie et al. 2017, arXiv:1611.05431); 1 by default."""
    width_per_group: Width | None = None
    """Instead of `groups`: channels in each group of the 3x3 convolution."""


class DenseBlock(_Block):
    """Two dense layers, for vectors: width of the stage, through `hidden` units."""

    kind: Literal["dense"]
    hidden: Width | None = None
    """Units of the first layer; the stage's width by default."""


Block = Annotated[BasicBlock | BottleneckBlock | DenseBlock, Field(discriminator="kind")]


class Stage(Document):
    """A run of blocks of one width; the first may stride."""

    blocks: Annotated[int, Field(strict=True, ge=1, le=4096)]
    """Number of blocks."""
    width: Width
    """Output channels of a block's 3x3 convolution, before expansion (of a dense block: its output)."""
    stride: Stride = 1
    """Stride of the first block."""
    dilation: Kernel = 1
    """Dilation of every 3x3 convolution of the stage."""
    block: Block
    """What this stage's blocks change of the network's `block`."""


class Classifier(Document):
    """Pool, then one dense layer of logits."""

    kind: Literal["classifier"] = "classifier"
    pool: Literal["average", "max", "none"] = "average"
    """How a map becomes a vector; `none` flattens it, and is what a vector network states."""
    classes: Width
    """Number of classes."""
    multi_label: Flag = False
    """Independent labels: probabilities by sigmoid rather than softmax."""
    dropout: Fraction = 0.0
    """Rate of dropout before the dense layer."""


class Features(Document):
    """No head: the feature maps after the named stages, as detectors consume them."""

    kind: Literal["features"]
    stages: tuple[Annotated[int, Field(strict=True, ge=1)], ...] = Field(min_length=1, max_length=64)
    """Stages, counted from 1, whose outputs the network returns; stage 1 is C2."""


class NoHead(Document):
    """The output of the last block is the network's prediction (regression)."""

    kind: Literal["none"]


def _head_kind(value: Any) -> Any:
    return value.get("kind", "classifier") if isinstance(value, dict) else getattr(value, "kind", None)


Head = Annotated[
    Annotated[Classifier, Tag("classifier")] | Annotated[Features, Tag("features")] | Annotated[NoHead, Tag("none")],
    Discriminator(_head_kind),
]


class Published(Document):
    """Figures that a paper or another builder states for this network, shown by `kresnet plan --paper`."""

    source: Text
    """Who says so: paper and table, or project and version."""
    parameters: Positive | None = None
    """Parameters, trainable or total as the source counts them."""
    counts: Literal["trainable", "total"] = "trainable"
    """Which of the plan's parameter counts the source's figure means."""
    macs: Positive | None = None
    """Multiply-accumulates for one input."""
    weighted_layers: Count | None = None
    """Depth: convolutions and dense layers on the longest path."""
    tolerance: NonNegative = 0.0
    """Relative difference that the source's rounding explains."""
    note: Text | None = None
    """Why the plan differs, where it does."""


class Spec(Document):
    """A residual network."""

    name: Name
    """Names folders, files and the served model."""
    source: Text | None = None
    """Where the architecture comes from: paper, table."""
    published: tuple[Published, ...] = ()
    """What others state for this network."""
    input: Input
    """What enters."""
    convolution: Convolution = Field(default_factory=Convolution)
    """What all convolutions share."""
    norm: Norm = Field(default_factory=lambda: BatchNorm(kind="batch"))
    """Norm of stem and blocks."""
    activation: Activation = "relu"
    """Activation of stem and blocks."""
    stem: Stem
    """What comes before the first stage."""
    block: Block
    """Defaults of every stage's blocks."""
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=64)
    """The stages, in order."""
    output_stride: Literal[4, 8, 16, 32] | None = None
    """Largest down-sampling of the input; later strides become dilation (Chen et al. 2017, arXiv:1706.05587)."""
    stochastic_depth: Fraction = 0.0
    """Rate at which the last block is dropped; rises linearly from the first (Huang et al. 2016, arXiv:1603.09382)."""
    head: Head
    """What turns the last map into the output."""
    recipe: StrictStr | None = None
    """Recipe that `kresnet fit` uses by default: a bundled name, or a path beside this file."""

    @model_validator(mode="before")
    @classmethod
    def _cascade(cls, document: Any) -> Any:
        """Hand the network's norm and activation to `block`, and `block` to each stage."""
        if not isinstance(document, dict) or not isinstance(block := document.get("block"), dict):
            return document
        inherited = {key: document[key] for key in ("norm", "activation") if key in document}
        block = _inherit(inherited, block)
        cascaded = document | {"block": block}
        if isinstance(stages := document.get("stages"), list | tuple):
            cascaded["stages"] = [_cascade_stage(stage, block, inherited) for stage in stages]
        return cascaded

    def document(self) -> dict[str, Any]:
        """The spec with every default written out once: a stage's block holds only what the stage changes."""
        document = super().document()
        block = document["block"]
        inherited = {key: document[key] for key in ("norm", "activation")}
        for stage in document["stages"]:
            own = stage.pop("block")
            if difference := _difference(own, block if own["kind"] == block["kind"] else inherited):
                stage["block"] = difference
        document["block"] = _difference(block, inherited)
        return document


def _cascade_stage(stage: Any, block: dict[str, Any], inherited: dict[str, Any]) -> Any:
    if not isinstance(stage, dict) or not isinstance(own := stage.get("block", {}), dict):
        return stage
    same_kind = own.get("kind", block.get("kind")) == block.get("kind")
    return stage | {"block": merge(block, own) if same_kind else _inherit(inherited, own)}


def _inherit(inherited: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    """A block with the network's norm and activation where it states none of its own."""
    return block | {key: merge(value, block[key]) if key in block else value for key, value in inherited.items()}


def _difference(own: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """What must be merged onto `base` to give `own`."""
    changed: dict[str, Any] = {}
    for key, value in own.items():
        other = base.get(key)
        if key in base and value == other:
            continue
        if isinstance(value, dict) and isinstance(other, dict) and value.get("kind") == other.get("kind"):
            value = _difference(value, other)
        changed[key] = value
    return changed
