"""The network as a reader unfolds it: stages, blocks that are alike side by side, and the layers on either path."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from kresnet.plan import Plan, Record
from kresnet.plan.records import Shape
from kresnet.plan.sections import (
    SECTION_INPUT,
    RepeatedBlocks,
    Section,
    describe_layer,
    describe_shortcut,
    extra_layers,
    repeated_blocks,
    sections,
    trunk_layers,
)
from kresnet.probes.block_paths import BlockPaths, block_paths
from kresnet.spec.architecture import Spec
from kresnet.spec.blocks import ResidualBlock

#: The options of He et al. 2015, section 4.1, in words.
OPTIONS = {
    "none": "none, a plain network",
    "identity": "identity where shapes stay, none elsewhere",
    "identity_pad": "option A, padded with zeros",
    "projection": "option B, projection where shapes change",
    "projection_all": "option C, projection in every block",
}


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One record: what it is in words, what it reads, and what it costs.

    Attributes:
        name: within its part.
        kind: the record's.
        words: `3x3 64 /2`, `batch norm`, `relu`.
        reads: names of its inputs within the part; `input` for what enters it.
        shape: of its output, without the batch.
        parameters, macs: of this layer.
        aside: whether it is of the channel attention beside the branch.
    """

    name: str
    kind: str
    words: str
    reads: tuple[str, ...]
    shape: Shape
    parameters: int
    macs: int
    aside: bool = False


@dataclass(frozen=True, slots=True)
class LayersByPath:
    """The layers of a part by the way the signal takes: all are in `branch` where there is no shortcut.

    Attributes:
        before: what both paths read.
        branch, shortcut: the two paths.
        after: from the addition on.
    """

    before: tuple[LayerRow, ...]
    branch: tuple[LayerRow, ...]
    shortcut: tuple[LayerRow, ...]
    after: tuple[LayerRow, ...]
    adds: bool


@dataclass(frozen=True, slots=True)
class SectionCard:
    """A section of the network, or several consecutive blocks that are alike.

    Attributes:
        title: `Stem`, `Block 1`, `Blocks 2-6`.
        count: how many blocks it stands for.
        lines: the layers that give it its shape, in words.
        extras: what else it contains.
        shortcut: in words; empty for what is no block.
        arc: the shortcut's kind: `identity`, `projection`, `pad`, `pool`, or `none`.
        shape: of the output, without the batch.
        parameters, macs: of one of its blocks.
        paths: its layers.
    """

    title: str
    count: int
    lines: tuple[str, ...]
    extras: tuple[str, ...]
    shortcut: str
    arc: str
    shape: Shape
    parameters: int
    macs: int
    paths: LayersByPath

    @property
    def layers(self) -> list[LayerRow]:
        """All layers of the section: before, branch, shortcut, after."""
        paths = self.paths
        return [*paths.before, *paths.branch, *paths.shortcut, *paths.after]


@dataclass(frozen=True)
class NetworkStage:
    """A stage, or what comes before or after the stages.

    Attributes:
        title: `Stage 2`, `Stem`.
        description: block kind, order and shortcut option of the stage, in words.
        cards: in the order of the network.
        parameter_share, mac_share: of the whole network, between 0 and 1.
    """

    title: str
    description: tuple[str, ...]
    cards: tuple[SectionCard, ...]
    parameters: int
    macs: int
    parameter_share: float
    mac_share: float

    @cached_property
    def shape(self) -> Shape:
        """Shape of the stage's output, without the batch."""
        return self.cards[-1].shape

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def network_stages(plan: Plan, spec: Spec) -> list[NetworkStage]:
    """Return the stages of a network, from input to head, each with its blocks and layers."""
    forks = {block.name: block for block in block_paths(plan)}
    total = plan.trainable + plan.non_trainable
    found = []
    for stage, group in groupby(sections(plan), key=lambda part: part.stage):
        members = list(group)
        parameters, macs = sum(part.parameters for part in members), sum(part.macs for part in members)
        found.append(
            NetworkStage(
                title=f"Stage {stage}" if stage else " and ".join(part.name for part in members).capitalize(),
                description=_describe_stage(spec, stage, members) if stage else (),
                cards=tuple(_section_card(run, forks) for run in repeated_blocks(members)),
                parameters=parameters,
                macs=macs,
                parameter_share=parameters / total if total else 0.0,
                mac_share=macs / plan.macs if plan.macs else 0.0,
            )
        )
    return found


def _describe_stage(spec: Spec, stage: int, members: list[Section]) -> tuple[str, ...]:
    block, count = spec.stages[stage - 1].block, sum(part.block is not None for part in members)
    blocks = f"{count} {block.kind.replace('_', ' ')} block{'s' * (count > 1)}"
    if not isinstance(block, ResidualBlock):
        return (blocks,)
    return (blocks, f"order: {block.order.replace('_', ' ')}", f"shortcut: {OPTIONS[block.shortcut]}")


def _section_card(run: RepeatedBlocks, forks: dict[str, BlockPaths]) -> SectionCard:
    part = run.first
    rates = dict.fromkeys(
        f"{record.settings['rate']:.3g}"
        for member in (run.sections[0], run.sections[-1])
        for record in member.records
        if record.kind == "stochastic_depth"
    )
    depth = [f"stochastic depth {'-'.join(rates)}"] if rates else []
    return SectionCard(
        title=run.label.capitalize(),
        count=len(run.sections),
        lines=tuple(trunk_layers(part)),
        extras=(*extra_layers(part), *depth),
        shortcut=describe_shortcut(part),
        arc=part.shortcut if part.block else "none",
        shape=part.shape,
        parameters=part.parameters,
        macs=part.macs,
        paths=_layers_by_path(part, forks.get(part.name)),
    )


def _layers_by_path(part: Section, block: BlockPaths | None) -> LayersByPath:
    fork = block.fork if block else None
    layers = {record.name: _layer_row(part, record) for record in part.records}
    if fork is None:
        return LayersByPath((), tuple(layers.values()), (), (), adds=False)
    names = list(layers)
    parts_at = names.index(fork.at) + 1 if fork.at in names else 0
    joins_at = names.index(fork.add)
    between = names[parts_at:joins_at]
    return LayersByPath(
        before=tuple(layers[name] for name in names[:parts_at]),
        branch=tuple(layers[name] for name in between if ".shortcut." not in name),
        shortcut=tuple(layers[name] for name in between if ".shortcut." in name),
        after=tuple(layers[name] for name in names[joins_at:]),
        adds=True,
    )


def _layer_row(part: Section, record: Record) -> LayerRow:
    return LayerRow(
        name=record.name.removeprefix(f"{part.name}."),
        kind=record.kind,
        words=describe_layer(record),
        reads=tuple(
            "input" if part.relative_name(name) == SECTION_INPUT else part.relative_name(name) for name in record.inputs
        ),
        shape=record.shape,
        parameters=record.weights,
        macs=record.macs,
        aside=record.role == "attention",
    )


__all__ = ["OPTIONS", "LayerRow", "LayersByPath", "NetworkStage", "SectionCard", "network_stages"]
