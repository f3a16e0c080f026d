"""The sections of a network (input, stem, blocks, stage ends, head), and each of them in words.

Summary, drawing and difference are made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from kresnet.plan.kinds import ATTENTIONS, BLOCKS, record_kind
from kresnet.plan.record_kinds import stride_words, subsamples
from kresnet.plan.records import Plan, Record, Shape

#: Stands for whatever enters a section, so that sections of different places and networks compare.
SECTION_INPUT = "(input of the part)"


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive records that belong together.

    Attributes:
        name: prefix of its records' names: `input`, `stem`, `stage1.block2`, `stage4` (what ends a stage) or `head`.
        records: the records of the section, in the order of the plan.
        block_kind: kind of the blocks of its stage; empty outside stages.
    """

    name: str
    records: tuple[Record, ...]
    block_kind: str = ""

    @property
    def stage(self) -> int | None:
        """Number of the section's stage, from 1; None outside stages."""
        return self.records[0].stage

    @property
    def block(self) -> int | None:
        """Number of the section's block in its stage, from 1; None outside blocks."""
        return self.records[0].block

    @property
    def shape(self) -> Shape:
        """Shape of the section's output, without the batch."""
        return self.records[-1].shape

    @property
    def parameters(self) -> int:
        """Number of parameters of the section, trainable or not."""
        return sum(record.weights for record in self.records)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the section for one input."""
        return sum(record.macs for record in self.records)

    def relative_name(self, name: str) -> str:
        """Return a record's name within the section; `SECTION_INPUT` for a record outside it."""
        return name.removeprefix(f"{self.name}.") if name.startswith(f"{self.name}.") else SECTION_INPUT

    @property
    def shortcut(self) -> str:
        """Kind of the path beside the residual branch: `identity`, `projection`, `pad`, `pool`, or `none`."""
        kinds = [record.kind for record in self.records if ".shortcut." in record.name and not subsamples(record)]
        if "conv" in kinds or "dense" in kinds:
            return "projection"
        if "identity_pad" in kinds:
            return "pad"
        if "pool" in kinds:
            return "pool"
        return "identity" if any(record.kind == "add" for record in self.records) else "none"


@dataclass(frozen=True, slots=True)
class RepeatedBlocks:
    """Consecutive blocks of a stage that are alike but for the rate of stochastic depth, or a single section."""

    sections: tuple[Section, ...]

    @property
    def first(self) -> Section:
        """First of the blocks."""
        return self.sections[0]

    @property
    def parameters(self) -> int:
        """Number of parameters of all the blocks together."""
        return sum(section.parameters for section in self.sections)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all the blocks together, for one input."""
        return sum(section.macs for section in self.sections)

    @property
    def label(self) -> str:
        """Name of the blocks in a table: `stem`, `block 1`, `blocks 2-6`."""
        if self.first.block is None:
            return self.first.name if self.first.stage is None else "end"
        return (
            f"block {self.first.block}"
            if len(self.sections) == 1
            else f"blocks {self.first.block}-{self.sections[-1].block}"
        )


def sections(plan: Plan) -> list[Section]:
    """Return the sections of the network, in order."""
    found = (Section(name, tuple(records)) for name, records in groupby(plan.records, key=_section_name))
    return [replace(each, block_kind=plan.block_kinds[each.stage - 1]) if each.stage else each for each in found]


def repeated_blocks(all_sections: list[Section]) -> list[RepeatedBlocks]:
    """Return the sections, each gathered with the following ones that repeat it."""
    keyed = ((block_signature(section) if section.block else section.name, section) for section in all_sections)
    return [
        RepeatedBlocks(tuple(section for _, section in group)) for _, group in groupby(keyed, key=lambda pair: pair[0])
    ]


def block_signature(section: Section) -> list[tuple[Any, ...]]:
    """Return a value that is equal for blocks that are alike but for place and rate of stochastic depth."""
    return [
        (
            section.stage,
            section.relative_name(record.name),
            record.kind,
            [section.relative_name(name) for name in record.inputs],
            record.shape,
            _without_rate(record),
            record.parameters,
            record.macs,
        )
        for record in section.records
    ]


def _without_rate(record: Record) -> Mapping[str, Any]:
    """The settings that tell blocks apart: under the linear rule every block has a rate of its own."""
    return {} if record.kind == "stochastic_depth" else record.settings


def _section_name(record: Record) -> str:
    if record.stage:
        return f"stage{record.stage}.block{record.block}" if record.block else f"stage{record.stage}"
    return record.name.split(".")[0] if "." in record.name else "input"


def describe_section(blocks: RepeatedBlocks) -> str:
    """Return one line about repeated blocks: kind, layers with weights, and what else they contain."""
    section = blocks.first
    return _label(section) + ", ".join([*trunk_layers(section), *extra_layers(section), *_stochastic_depth(blocks)])


def describe_shortcut(section: Section) -> str:
    """Return a block's shortcut in words: `identity`, `projection /2`, `pad /2`...; empty for other sections."""
    if not section.block:
        return ""
    unsaid = ("norm", "pad", "strided_pad")
    records = [record for record in section.records if ".shortcut." in record.name and record.kind not in unsaid]
    return (
        ", ".join(f"projection{_window(r)}{stride_words(r)}" if r.parameters else describe_layer(r) for r in records)
        or section.shortcut
    )


def _label(section: Section) -> str:
    label = BLOCKS[section.block_kind].label if section.block and section.block_kind in BLOCKS else ""
    return f"{label} " if label else ""


def trunk_layers(section: Section) -> Iterator[str]:
    """Yield the layers that give a section its shape: `3x3 64 /2` is a 3x3 convolution to 64 channels, stride 2.

    Norms and activations only where there is nothing else.
    """
    weighted = any(record.parameters and record.kind != "norm" for record in section.records)
    for record in section.records:
        if ".shortcut." in record.name or record.role == "attention":
            continue
        if record_kind(record).in_trunk or (not weighted and record.kind in ("normalize", "norm", "activation")):
            yield describe_layer(record)


def extra_layers(section: Section) -> Iterator[str]:
    """Yield in words the layers of a block beside its trunk and its shortcut."""
    for kind, records in groupby(section.records, key=lambda record: _attention_name(section, record)):
        if kind:
            yield ATTENTIONS[kind].describe(list(records)) if kind in ATTENTIONS else kind.replace("_", " ")


def _attention_name(section: Section, record: Record) -> str:
    return section.relative_name(record.name).partition(".")[0] if record.role == "attention" else ""


def _stochastic_depth(blocks: RepeatedBlocks) -> Iterator[str]:
    rates = [r.settings["rate"] for section in blocks.sections for r in section.records if r.kind == "stochastic_depth"]
    if rates:
        yield "stochastic depth " + "-".join(f"{rate:.3g}" for rate in dict.fromkeys((rates[0], rates[-1])))


def _window(record: Record) -> str:
    kernel = record.settings.get("kernel", 1)
    return f" {kernel}x{kernel}" if kernel > 1 else ""


def describe_layer(record: Record) -> str:
    """Return one layer in words: `3x3 64 /2`, `relu`, `batch norm`."""
    return record_kind(record).describe(record)


__all__ = [
    "SECTION_INPUT",
    "RepeatedBlocks",
    "Section",
    "block_signature",
    "describe_layer",
    "describe_section",
    "describe_shortcut",
    "extra_layers",
    "repeated_blocks",
    "sections",
    "trunk_layers",
]
