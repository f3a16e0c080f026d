"""The spec: what a user can say of a residual network. Defaults live here and nowhere else.

Settings cascade: `norm` and `activation` of the network are the defaults of `block`, and `block` gives the
defaults of every stage's own `block` (see `kresnet.spec.base.merge`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictStr, Tag, model_validator

import kresnet.spec.block_kinds
import kresnet.spec.convnext
import kresnet.spec.inverted_blocks  # noqa: F401 - the kinds that ship
from kresnet.errors import KresnetError
from kresnet.spec.base import (
    Activation,
    Count,
    Document,
    Flag,
    Fraction,
    Kernel,
    Name,
    NonNegative,
    Positive,
    Stride,
    Text,
    Width,
    contradiction_error,
    merge,
)
from kresnet.spec.blocks import Block
from kresnet.spec.inputs import Input
from kresnet.spec.norms import BatchNorm, Norm
from kresnet.spec.renamed import with_present_names
from kresnet.spec.scaling import Scaling, expand_scaling
from kresnet.spec.stems import Stem
from kresnet.spec.widths import Widths, expand_widths

Initializer = Literal[
    "he_normal", "he_normal_fan_out", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "normal"
]  # fmt: skip

#: Fields of a block that the network gives where the block does not.
INHERITED_FIELDS = ("norm", "activation")


class WeightStandardization(Document):
    """Kernels of mean 0 and variance 1 in each output channel (Qiao et al. 2019, arXiv:1903.10520)."""

    epsilon: Positive = 1e-8
    """Added to the variance before the square root."""


class Convolution(Document):
    """Settings that every convolution of the network shares."""

    padding: Literal["same", "symmetric"] = "same"
    """`same`: as TensorFlow pads (at the end where a stride leaves it uneven); `symmetric`: as PyTorch pads."""
    bias: Literal["where_no_norm", "always", "never"] = "where_no_norm"
    """Which convolutions have a bias; after one that feeds a norm directly it would be redundant."""
    initializer: Initializer = "he_normal"
    """Initial kernels, of dense layers too (He et al. 2015, arXiv:1502.01852, for the `he_` family); `normal` has
    deviation 0.02 whatever the layer (ConvNeXt)."""
    weight_standardization: WeightStandardization | None = None
    """Standardise every kernel before it is used, those of depthwise convolutions aside, as BiT does beside group norm;
    `{}` for the usual epsilon."""


class Stage(Document):
    """A run of blocks of one width; the first may stride."""

    blocks: Annotated[int, Field(strict=True, ge=1, le=2000)]
    """Number of blocks; 2000 in all stages together."""
    width: Width
    """Output channels of a block's 3x3 convolution, before expansion (of a dense or inverted block: its output)."""
    stride: Stride = 1
    """Stride of the first block (of the last, where the block says `stride_in: last_block`)."""
    dilation: Kernel = 1
    """Dilation of every 3x3 convolution of the stage."""
    block: Block
    """What this stage's blocks change of the network's `block`."""


class Neck(Document):
    """What stands between the last stage and the head: the network's activation, behind a convolution or alone."""

    width: Width | None = None
    """Output channels of a 1x1 convolution with the network's norm (EfficientNet, RegNetZ); none for the activation
    alone."""


class Classifier(Document):
    """Pool, then one dense layer of logits."""

    kind: Literal["classifier"] = "classifier"
    pool: Literal["average", "max", "none"] = "average"
    """How a map becomes a vector; `none` flattens it, and is what a vector network states."""
    classes: Width
    """Number of classes."""
    multi_label: Flag = False
    """Independent labels: probabilities by sigmoid rather than softmax."""
    norm: Norm | None = None
    """Norm of the pooled map (ConvNeXt); none unless stated."""
    hidden: Width | None = None
    """Units of a dense layer behind the pool, with the network's activation (MobileNetV3); none for no such layer."""
    dropout: Fraction = 0.0
    """Rate of dropout before the last dense layer."""


class Regressor(Document):
    """Pool, then one dense layer whose outputs are the numbers to predict, without an activation."""

    kind: Literal["regressor"]
    pool: Literal["average", "max", "none"] = "average"
    """How a map becomes a vector; `none` flattens it, and is what a vector network states."""
    outputs: Width
    """How many numbers are predicted."""
    norm: Norm | None = None
    """Norm of the pooled map (ConvNeXt); none unless stated."""
    hidden: Width | None = None
    """Units of a dense layer behind the pool, with the network's activation (MobileNetV3); none for no such layer."""
    dropout: Fraction = 0.0
    """Rate of dropout before the last dense layer."""


class Features(Document):
    """No head: the feature maps after the named stages, as detectors consume them."""

    kind: Literal["features"]
    stages: tuple[Annotated[int, Field(strict=True, ge=1)], ...] = Field(min_length=1, max_length=16)
    """Stages, counted from 1, whose outputs the network returns; stage 1 is C2."""


class NoHead(Document):
    """The output of the last block is the network's prediction: values of its shape."""

    kind: Literal["none"]


def _head_kind(value: Any) -> Any:
    return value.get("kind", "classifier") if isinstance(value, dict) else getattr(value, "kind", "classifier")


Head = Annotated[
    Annotated[Classifier, Tag("classifier")]
    | Annotated[Regressor, Tag("regressor")]
    | Annotated[Features, Tag("features")]
    | Annotated[NoHead, Tag("none")],
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
    published: tuple[Published, ...] = Field(default=(), max_length=100)
    """What others state for this network."""
    input: Input
    """What enters the network."""
    convolution: Convolution = Field(default_factory=Convolution)
    """Settings that all convolutions share."""
    norm: Norm = Field(default_factory=lambda: BatchNorm(kind="batch"))
    """Norm of stem and blocks."""
    activation: Activation = "relu"
    """Activation of stem and blocks."""
    stem: Stem
    """What comes before the first stage."""
    block: Block
    """Defaults of every stage's blocks."""
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=16)
    """The stages, in order; or state `widths`."""
    widths: Widths | None = None
    """A rule that gives the stages, instead of `stages`."""
    scaling: Scaling | None = None
    """How much wider and deeper the network is than what stem, stages and neck say (EfficientNet)."""
    output_stride: Literal[4, 8, 16, 32] | None = None
    """Largest down-sampling of the input; later strides become dilation (Chen et al. 2017, arXiv:1706.05587)."""
    stochastic_depth: Fraction = 0.0
    """Rate at which the last block is dropped; rises linearly from the first (Huang et al. 2016, arXiv:1603.09382)."""
    neck: Neck | None = None
    """What follows the last stage."""
    head: Head
    """What turns the last map into the output."""
    recipe: StrictStr | None = None
    """Recipe that `kresnet fit` uses by default: a bundled name, or a path beside this file."""

    @model_validator(mode="before")
    @classmethod
    def _cascade(cls, document: Any) -> Any:
        """Hand the network's norm and activation to `block`, and `block` to each stage."""
        document = with_present_names(document)
        if not isinstance(document, dict) or not isinstance(block := document.get("block"), dict):
            return document
        inherited = {key: document[key] for key in INHERITED_FIELDS if key in document}
        block = _inherit(inherited, block)
        cascaded = document | {"block": block}
        if document.get("widths") is not None and document.get("stages") is not None:
            message = "`stages` and `widths` say the same thing twice"
            raise contradiction_error("widths", message, "keep one of them; `widths: null` where a base has them")
        if (rule := expand_widths(document, block)) is not None:
            cascaded |= {"stages": rule, "widths": None}
        cascaded = expand_scaling(cascaded)
        if isinstance(stages := cascaded.get("stages"), list | tuple):
            cascaded["stages"] = [_cascade_stage(stage, block, inherited) for stage in stages]
        return cascaded

    def document(self) -> dict[str, Any]:
        """Return the spec with every default written out once: a stage's block holds only what the stage changes."""
        document = super().document()
        del document["widths"], document["scaling"]  # which the stages say one by one
        block = document["block"]
        inherited = {key: document[key] for key in INHERITED_FIELDS}
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
    """A block with the network's norm and activation where its kind has such settings and it states none of its own."""
    try:
        settings = Block.kinds.find(block.get("kind"))
    except KresnetError:  # told where the block is read
        settings = None
    inherited = {key: value for key, value in inherited.items() if settings is None or key in settings.model_fields}
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
