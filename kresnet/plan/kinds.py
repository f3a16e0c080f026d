"""What a plan is made of, by kind: how blocks, attention and norms become records, and what is known of records.

The settings of a kind are a model of `kresnet.spec`; what stands here is what the plan does with them. Kinds that ship
are registered by the same functions as others, in `block_kinds`, `attention`, `norm_kinds` and `record_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kresnet.errors import make_error
from kresnet.plan.records import Parameter, Plan, Record
from kresnet.registry import Registry
from kresnet.spec.attention import Attention
from kresnet.spec.blocks import Block
from kresnet.spec.kinds import OpenUnion, kind_of
from kresnet.spec.norms import Norm

Half = TypeVar("Half")

#: The name of a record's layer, or of one of its weights, in another project; None where the project has none.
LayerNames = Mapping[str, str] | Callable[[Record, Plan], str | None]
#: What a layer keeps for the backward pass: its inputs, its output, or a byte for each number of its output.
Kept = Literal["inputs", "output", "mask"]
#: Appends a block, given its `kresnet.plan.block_context.BlockContext` and the record that it reads.
AppendBlock = Callable[[Any, Record], Record]
#: Appends an attention, given the `kresnet.plan.plan_builder.PlanBuilder`, the map's record and the settings.
AppendAttention = Callable[[Any, Record, Any], Record]
#: Makes the Keras layer of a record, from `kresnet.graph.build.BuildContext` and the record.
LayerMaker = Callable[[Any, Record], Any]


@dataclass(frozen=True, slots=True)
class BlockKind:
    """How blocks of a kind become records.

    Attributes:
        append: function that appends the records of one block after a record, and returns the last of them.
        label: what such a block is called before its layers, in summaries and drawings; empty for nothing.
        names: name of a layout, such as `timm`, to the names that it has for layers of such blocks: a mapping from a
            layer's name within its block (`conv1`, or `conv1/kernel` for a weight) to that within the layout's block,
            or a function from a record and its plan to the whole name. Other layers have the layout's usual names.
    """

    append: AppendBlock
    label: str
    names: Mapping[str, LayerNames]


@dataclass(frozen=True, slots=True)
class AttentionKind:
    """How an attention of a kind becomes records.

    Attributes:
        append: function that appends its records after a map, and returns the last of them.
        describe: function from the records of one such attention to what it is called in summaries and drawings.
    """

    append: AppendAttention
    describe: Callable[[Sequence[Record]], str]


@dataclass(frozen=True, slots=True)
class NormKind:
    """What a norm of a kind is.

    Attributes:
        parameters: function from the number of channels to the norm's parameters.
        layer: function that makes the Keras layer of such a record; None for the kinds that ship.
    """

    parameters: Callable[[int], tuple[Parameter, ...]]
    layer: LayerMaker | None = None


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What is known of all records of a kind.

    Attributes:
        describe: function from a record to what it is called in summaries and drawings.
        keeps: what the layer keeps for the backward pass, or a function from a record to that.
        in_trunk: whether it is listed among the layers that give a section its shape.
        fold_axis: axis of the kernel along which the output channels lie, where a batch norm that follows can be folded
            into kernel and bias; None where it cannot.
        layer: function that makes the Keras layer of a record; None for the kinds that ship.
    """

    describe: Callable[[Record], str]
    keeps: Sequence[Kept] | Callable[[Record], Sequence[Kept]] = ()
    in_trunk: bool = False
    fold_axis: int | None = None
    layer: LayerMaker | None = None

    def kept_for_backward(self, record: Record) -> Sequence[Kept]:
        """Return what a layer keeps for the backward pass."""
        return self.keeps(record) if callable(self.keeps) else self.keeps


BLOCKS: dict[str, BlockKind] = {}
ATTENTIONS: dict[str, AttentionKind] = {}
NORMS: dict[str, NormKind] = {}
RECORDS: Registry[RecordKind] = Registry("kresnet.records")


def register_block(
    settings: type[Block],
    append: AppendBlock,
    *,
    label: str | None = None,
    names: Mapping[str, LayerNames] | None = None,
) -> None:
    """Register a kind of block.

    Args:
        settings: its settings: a subclass of `Block`, `ResidualBlock` or `ConvBlock` with a literal `kind`.
        append: function that appends the records of one block after a record, and returns the last of them.
        label: what such a block is called before its layers, in summaries and drawings; the kind by default.
        names: name of a layout, such as `timm`, to the names that it has for layers of such blocks: a mapping from a
            layer's name within its block (`conv1`, or `conv1/kernel` for a weight) to that within the layout's block,
            or a function from a record and its plan to the whole name. Other layers have the layout's usual names.

    Raises:
        KresnetError: `extension_broken`, `extension_conflict`.
    """
    kind = _register_settings(Block, settings)
    BLOCKS[kind] = BlockKind(append, _words(kind) if label is None else label, names or {})


def register_attention(
    settings: type[Attention],
    append: AppendAttention,
    *,
    describe: Callable[[Sequence[Record]], str] | None = None,
) -> None:
    """Register a kind of attention, which any block of convolutions can have at the end of its branch.

    Args:
        settings: its settings: a subclass of `Attention` with a literal `kind`.
        append: function that appends its records after a map `(H, W, C)`, and returns the last of them, of the same
            shape; it is given the plan's builder, the map's record and the settings.
        describe: function from the records of one such attention to what it is called in summaries and drawings; the
            kind by default.

    Raises:
        KresnetError: `extension_broken`, `extension_conflict`.
    """
    kind = _register_settings(Attention, settings)
    ATTENTIONS[kind] = AttentionKind(append, describe or (lambda records: _words(kind)))


def gamma_and_beta(channels: int) -> tuple[Parameter, ...]:
    """Return a scale and an offset a channel."""
    return Parameter("gamma", (channels,)), Parameter("beta", (channels,))


def register_norm(
    settings: type[Norm],
    layer: LayerMaker | None,
    *,
    parameters: Callable[[int], tuple[Parameter, ...]] = gamma_and_beta,
) -> None:
    """Register a kind of norm.

    Args:
        settings: its settings: a subclass of `Norm` with a literal `kind`.
        layer: function from the build's context and a record, whose `settings` are these and `zero_gamma`, to the Keras
            layer; it imports Keras itself.
        parameters: function from the number of channels to the layer's parameters; `gamma` and `beta` by default.

    Raises:
        KresnetError: `extension_broken`, `extension_conflict`.
    """
    NORMS[_register_settings(Norm, settings)] = NormKind(parameters, layer)


def register_record(
    kind: str,
    layer: LayerMaker | None,
    *,
    describe: Callable[[Record], str] | None = None,
    keeps: Sequence[Kept] | Callable[[Record], Sequence[Kept]] = (),
    in_trunk: bool = False,
    fold_axis: int | None = None,
) -> None:
    """Register a kind of record, which `PlanBuilder.append` then takes.

    Args:
        kind: its name.
        layer: function from the build's context and a record to the Keras layer; it imports Keras itself.
        describe: function from a record to what it is called in summaries and drawings; the kind by default.
        keeps: what the layer keeps for the backward pass (`inputs`, `output`, or a `mask` of one byte a number), or a
            function from a record to that.
        in_trunk: whether it is listed among the layers that give a section its shape.
        fold_axis: axis of `kernel` along which the output channels lie, where a batch norm that follows can be folded
            into `kernel` and `bias`; None where it cannot.

    Raises:
        KresnetError: `extension_broken`, `extension_conflict`.
    """
    described = RecordKind(describe or (lambda record: _words(kind)), keeps, in_trunk, fold_axis, layer)
    RECORDS.register(kind, described, definition=layer or describe)


def block_kind(settings: Block) -> BlockKind:
    """Return how a block becomes records."""
    return _find(BLOCKS, settings)


def attention_kind(settings: Attention) -> AttentionKind:
    """Return how an attention becomes records."""
    return _find(ATTENTIONS, settings)


def norm_kind(settings: Norm) -> NormKind:
    """Return what a norm is."""
    return _find(NORMS, settings)


def record_kind(record: Record) -> RecordKind:
    """Return what is known of records of a record's kind."""
    found = RECORDS.find(record.kind)
    if found is None:
        message = f"`{record.name}` is a record of kind `{record.kind}`, which nothing registered."
        raise make_error("extension_broken", message, remedy="kresnet.extensions.register_record")
    return found


def comes_with_its_layer(record: Record) -> bool:
    """Return whether the Keras layer of a record is an extension's own."""
    norm = NORMS.get(record.settings["kind"]) if record.kind == "norm" else None
    return (norm or record_kind(record)).layer is not None


def _register_settings(union: type[OpenUnion], settings: type[Any]) -> str:
    union.register(settings)
    return str(kind_of(settings))


def _find(halves: Mapping[str, Half], settings: OpenUnion) -> Half:
    if settings.kind not in halves:
        noun = type(settings).kinds.noun
        message = f"The kind `{settings.kind}` of {noun} has settings, and nothing makes records of them."
        raise make_error("extension_broken", message, remedy="register both with kresnet.extensions")
    return halves[settings.kind]


def _words(kind: str) -> str:
    return kind.replace("_", " ")


__all__ = [
    "AppendAttention",
    "AppendBlock",
    "AttentionKind",
    "BlockKind",
    "Kept",
    "LayerMaker",
    "LayerNames",
    "NormKind",
    "RecordKind",
    "attention_kind",
    "block_kind",
    "comes_with_its_layer",
    "gamma_and_beta",
    "norm_kind",
    "record_kind",
    "register_attention",
    "register_block",
    "register_norm",
    "register_record",
]
