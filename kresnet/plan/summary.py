"""What `kresnet plan` tells: one row a stage and a run of like blocks, and published figures beside the plan's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from kresnet.plan.records import Plan, Shape
from kresnet.plan.sections import (
    RepeatedBlocks,
    Section,
    describe_section,
    describe_shortcut,
    repeated_blocks,
    sections,
)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A row of the table of a network.

    Attributes:
        level: 0 for rows that add up to the network (input, stem, stages, head), 1 for the blocks of a stage.
        part: name of the row: `stem`, `stage 2`, `block 1`, `blocks 2-6`.
        layers: the layers in words.
        shortcut: the shortcut of a block in words; empty for other rows.
        shape: shape of the output, without the batch.
        parameters, macs: counts of all the row's blocks together.
        blocks: number of blocks that the row stands for.
        sections: the sections of the network that the row stands for.
    """

    level: int
    part: str
    layers: str
    shortcut: str
    shape: Shape
    parameters: int
    macs: int
    blocks: int = 1
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedComparison:
    """A figure that a source publishes, beside the plan's.

    Attributes:
        quantity: what is compared: `parameters`, `macs` or `weighted_layers`.
        published, planned: the figure of the source, and that of the plan.
        difference: relative difference: the plan's figure over the published one, less one.
        tolerance: relative difference that the source's rounding explains.
        note: why the figures differ, if they do.
    """

    source: str
    quantity: str
    published: float
    planned: int
    difference: float
    tolerance: float
    note: str | None

    @property
    def agrees(self) -> bool:
        """Whether the source's rounding explains the difference; a billionth is allowed for floating point."""
        return abs(self.difference) <= self.tolerance + 1e-9

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return asdict(self) | {"agrees": self.agrees}


def summary_rows(plan: Plan) -> list[SummaryRow]:
    """Return the rows of the table of a network; those of level 0 add up to the network."""
    return [
        row
        for stage, group in groupby(sections(plan), key=lambda section: section.stage)
        for row in _rows(stage, repeated_blocks(list(group)))
    ]


def _rows(stage: int | None, group: list[RepeatedBlocks]) -> Iterator[SummaryRow]:
    if stage is not None:
        blocks = sum(len(repeated.sections) for repeated in group if repeated.first.block)
        words = f"{blocks} block" + "s" * (blocks > 1)
        totals = sum(repeated.parameters for repeated in group), sum(repeated.macs for repeated in group)
        yield SummaryRow(0, f"stage {stage}", words, "", group[-1].first.shape, *totals, blocks=blocks,
                         sections=tuple(part for repeated in group for part in repeated.sections))  # fmt: skip
    for repeated in group:
        first, count = repeated.first, len(repeated.sections)
        yield SummaryRow(
            int(stage is not None), repeated.label, describe_section(repeated), describe_shortcut(first), first.shape,
            repeated.parameters, repeated.macs, blocks=count if first.block else 0, sections=repeated.sections,
        )  # fmt: skip


def compare_with_published(plan: Plan) -> list[PublishedComparison]:
    """Return a comparison for each published figure that the spec states."""
    comparisons = []
    for figures in plan.about.get("published", ()):
        total = plan.trainable + (plan.non_trainable if figures["counts"] == "total" else 0)
        planned = {"parameters": total, "macs": plan.macs, "weighted_layers": plan.weighted_layers}
        for quantity, value in planned.items():
            if (published := figures[quantity]) is not None:
                difference = value / published - 1
                rest = figures["tolerance"] if quantity != "weighted_layers" else 0.0, figures["note"]
                comparisons.append(
                    PublishedComparison(figures["source"], quantity, published, value, difference, *rest)
                )
    return comparisons


def shape_text(shape: Shape) -> str:
    """Return a shape with its batch: `(N, 56, 56, 256)`."""
    return f"({', '.join(['N', *map(str, shape)])})"


def with_unit_prefix(number: float) -> str:
    """Return a count in three or four digits with its decimal prefix: `4.09 G`, `118 M`."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{number / factor:#.4g} {prefix}"
    return f"{number:g}"


def signed_number(number: int, *, short: bool = False) -> str:
    """Return a difference with its sign: `+1,024`, or `-4.096 k` if short."""
    if not number:
        return "0"
    return ("+" if number > 0 else "-") + (with_unit_prefix(abs(number)) if short else f"{abs(number):,}")


__all__ = [
    "PublishedComparison",
    "SummaryRow",
    "compare_with_published",
    "shape_text",
    "signed_number",
    "summary_rows",
    "with_unit_prefix",
]
