"""The parts of a network (input, stem, blocks, stage ends, head) and what each is, in words.

Report, drawing and diff share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from kresnet.plan.records import Plan, Record, Shape

#: Stands for whatever enters a part, so that parts of different places and networks compare.
SECTION_INPUT = "(input of the part)"


@dataclass(frozen=True, slots=True)
class Section:
    """Records that belong together.

    Attributes:
        name: prefix of its records' names: `input`, `stem`, `stage1.block2`, `stage4` (what ends a stage) or `head`.
        records: in the order of the plan.
    """

    name: str
    records: tuple[Record, ...]

    @property
    def stage(self) -> int | None:
        return self.records[0].stage

    @property
    def block(self) -> int | None:
        return self.records[0].block

    @property
    def shape(self) -> Shape:
        """Of its output, without the batch."""
        return self.records[-1].shape

    @property
    def parameters(self) -> int:
        """Number of parameters, trainable or not."""
        return sum(record.weights for record in self.records)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input."""
        return sum(record.macs for record in self.records)

    def relative_name(self, name: str) -> str:
        """A record's name within the part; `ENTRY` for a record outside it."""
        return name.removeprefix(f"{self.name}.") if name.startswith(f"{self.name}.") else SECTION_INPUT

    @property
    def shortcut(self) -> str:
        """What runs beside the residual branch: `identity`, `projection`, `pad`, `pool`, or `none`."""
        kinds = [record.kind for record in self.records if ".shortcut." in record.name and not _subsamples(record)]
        if "conv" in kinds or "dense" in kinds:
            return "projection"
        if "identity_pad" in kinds:
            return "pad"
        if "pool" in kinds:
            return "pool"
        return "identity" if any(record.kind == "add" for record in self.records) else "none"


@dataclass(frozen=True, slots=True)
class RepeatedBlocks:
    """Consecutive blocks of a stage that are alike (but for the rate of stochastic depth), or a single part."""

    sections: tuple[Section, ...]

    @property
    def first(self) -> Section:
        return self.sections[0]

    @property
    def parameters(self) -> int:
        """Of all its parts together."""
        return sum(part.parameters for part in self.sections)

    @property
    def macs(self) -> int:
        """Of all its parts together."""
        return sum(part.macs for part in self.sections)

    @property
    def label(self) -> str:
        """`stem`, `block 1`, `blocks 2-6`."""
        if self.first.block is None:
            return self.first.name if self.first.stage is None else "end"
        return (
            f"block {self.first.block}"
            if len(self.sections) == 1
            else f"blocks {self.first.block}-{self.sections[-1].block}"
        )


def sections(plan: Plan) -> list[Section]:
    """The parts of the network, in order."""
    return [Section(name, tuple(records)) for name, records in groupby(plan.records, key=_section_name)]


def repeated_blocks(parts: list[Section]) -> list[RepeatedBlocks]:
    """The parts, those that repeat the one before gathered."""
    keyed = ((block_signature(part) if part.block else part.name, part) for part in parts)
    return [RepeatedBlocks(tuple(part for _, part in group)) for _, group in groupby(keyed, key=lambda pair: pair[0])]


def block_signature(part: Section) -> list[tuple[Any, ...]]:
    """What makes two blocks alike: everything but their place and the rate of stochastic depth."""
    return [
        (part.stage, part.relative_name(record.name), record.kind, [part.relative_name(name) for name in record.inputs],
         record.shape, _without_rate(record), record.parameters, record.macs)
        for record in part.records
    ]  # fmt: skip


def _without_rate(record: Record) -> Mapping[str, Any]:
    """The settings that tell blocks apart: under the linear rule every block has a rate of its own."""
    return {} if record.kind == "stochastic_depth" else record.settings


def _section_name(record: Record) -> str:
    if record.stage:
        return f"stage{record.stage}.block{record.block}" if record.block else f"stage{record.stage}"
    return record.name.split(".")[0] if "." in record.name else "input"


def describe_section(run: RepeatedBlocks) -> str:
    """What a run's blocks are, in one line: kind, weights, and what else they contain."""
    part = run.first
    return _kind(part) + ", ".join([*trunk_layers(part), *extra_layers(part), *_stochastic_depth(run)])


def describe_shortcut(part: Section) -> str:
    """The shortcut of a block: `identity`, `projection /2`, `pad /2`, `none`...; empty for what is no block."""
    if not part.block:
        return ""
    records = [record for record in part.records if ".shortcut." in record.name and record.kind != "norm"]
    return ", ".join(f"projection{_stride(r)}" if r.parameters else describe_layer(r) for r in records) or part.shortcut


def _kind(part: Section) -> str:
    if not part.block:
        return ""
    main = [record for record in part.records if record.kind in ("conv", "dense") and record.role == "main"]
    if main[0].kind == "dense":
        return ""  # its layers say so
    return "bottleneck " if len(main) == 3 else "basic "


def trunk_layers(part: Section) -> Iterator[str]:
    """The layers of a part that give it its shape: `3x3 64 /2` is a 3x3 convolution to 64 channels, stride 2.

    Norms and activations only where there is nothing else.
    """
    weighted = any(record.parameters and record.kind != "norm" for record in part.records)
    for record in part.records:
        if ".shortcut." in record.name or ".squeeze_excite." in record.name:
            continue
        if record.kind in ("conv", "dense", "pool", "global_pool", "flatten", "dropout") or (
            not weighted and record.kind in ("normalize", "norm", "activation")
        ):
            yield describe_layer(record)


def extra_layers(part: Section) -> Iterator[str]:
    """What a block contains beside its trunk and shortcut."""
    for record in part.records:
        if record.name.endswith("squeeze_excite.reduce"):
            yield f"squeeze-excite {record.shape[-1]}"


def _stochastic_depth(run: RepeatedBlocks) -> Iterator[str]:
    rates = [r.settings["rate"] for part in run.sections for r in part.records if r.kind == "stochastic_depth"]
    if rates:
        yield "stochastic depth " + "-".join(f"{rate:.3g}" for rate in dict.fromkeys((rates[0], rates[-1])))


def _stride(record: Record) -> str:
    return f" /{record.settings['stride']}" if record.settings.get("stride", 1) > 1 else ""


def _subsamples(record: Record) -> bool:
    """Whether a shortcut takes every `stride`-th pixel and pads nothing."""
    return record.name.endswith(".shortcut.subsample")


def describe_layer(record: Record) -> str:
    """One layer in words: `3x3 64 /2`, `relu`, `batch norm`."""
    settings, stride = record.settings, _stride(record)
    match record.kind:
        case "conv":
            groups = f" groups {settings['groups']}" if settings["groups"] > 1 else ""
            dilation = f" dilation {settings['dilation']}" if settings["dilation"] > 1 else ""
            return f"{settings['kernel']}x{settings['kernel']} {record.shape[-1]}{groups}{dilation}{stride}"
        case "dropout":
            return f"dropout {settings['rate']:g}"
        case "dense":
            return f"dense {record.shape[-1]}"
        case "pool":
            return f"{settings['how']} pool {settings['size']}x{settings['size']}{stride}"
        case "global_pool":
            return f"{settings['how']} pool"
        case "identity_pad":
            return f"{'identity' if _subsamples(record) else 'pad'}{stride}"
        case "activation":
            return str(settings["function"])
        case "norm":
            return f"{settings['kind']} norm"
        case "stochastic_depth":
            return f"stochastic depth {settings['rate']:.3g}"
    return record.kind


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
