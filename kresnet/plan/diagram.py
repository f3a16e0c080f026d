"""The network at block level as an SVG: stem, a row (or more) a stage with its blocks and shortcut arcs, head.

The picture stands alone (no script, no font to load) and follows the reader's light or dark setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from kresnet.plan.records import Plan
from kresnet.plan.sections import Section, describe_shortcut, extra_layers, repeated_blocks, sections, trunk_layers
from kresnet.plan.summary import shape_text, with_unit_prefix
from kresnet.plan.svg_canvas import MARGIN, SvgCanvas, box_size, text_width

#: Blocks of a stage that are all drawn; of a longer run of like blocks only the ends are.
SHOWN = 14

# Pixels: widest row, where rows begin, between boxes, between rows, and room above a row with and without arcs.
_WIDTH, _LEFT, _GAP, _CHANNEL, _ARCS, _NO_ARCS = 1060, 190, 34, 56, 34, 12
_ADD = 11  # from a box to the plus in the gap after it, and from where the shortcut leaves to the box

_LEGEND = {
    "identity": "identity shortcut",
    "projection": "projection (convolution or dense)",
    "pad": "identity, padded with zero channels",
    "pool": "average pool",
}


@dataclass(frozen=True, slots=True)
class _Box:
    """What is drawn in one rectangle: a section, or (`like`) repeated blocks that are not drawn one by one."""

    section: Section
    lines: tuple[str, ...]
    like: bool = False

    @property
    def width(self) -> float:
        return box_size(self.lines)[0]

    @property
    def height(self) -> float:
        return box_size(self.lines)[1]

    @property
    def adds(self) -> bool:
        """Whether a shortcut is drawn over it."""
        return self.section.shortcut != "none" and not self.like


@dataclass(frozen=True, slots=True)
class _Row:
    """Boxes side by side; a stage that does not fit takes several rows."""

    boxes: tuple[_Box, ...]
    stage: int | None
    first: bool
    last: bool

    @property
    def height(self) -> float:
        return max(box.height for box in self.boxes)

    @property
    def above(self) -> float:
        return _ARCS if any(box.adds for box in self.boxes) else _NO_ARCS


def draw_plan(plan: Plan) -> str:
    """Return a drawing of the network as a self-contained SVG document."""
    canvas, rows = SvgCanvas(), _rows(plan)
    total = plan.trainable + plan.non_trainable
    counts = f"{with_unit_prefix(total)} parameters, {with_unit_prefix(plan.macs)} MACs"
    facts = f"{counts}, {plan.weighted_layers} weighted layers"
    canvas.text(MARGIN, 36, plan.name, size=20, weight=700)
    canvas.text(MARGIN, 56, facts, "quiet", 12)
    top, x, middle = 62.0, 0.0, 0.0
    for index, row in enumerate(rows):
        before, (came_from, height) = rows[index - 1], (x, middle)
        middle = top + row.above + row.height / 2
        if index:
            channel = top - _CHANNEL / 2 + 5
            canvas.turn((came_from, height), (_LEFT - 30, middle), channel)
            if before.last:
                taps = _is_tap(before.boxes[-1].section, row.boxes[0].section)
                left = before.boxes[-2 if taps else -1].section
                canvas.text(_LEFT, channel - 6, _boundary(plan, left), "quiet")
        if row.first and row.stage is not None:
            _label(canvas, plan, row.stage, middle)
        x = _draw_row(canvas, plan, row, middle, rows[index + 1].boxes[0].section if index + 1 < len(rows) else None)
        top += row.above + row.height + _CHANNEL
    canvas.arrow(x, x + 20, middle)
    canvas.text(x + 28, middle + 4, _boundary(plan, rows[-1].boxes[-1].section), "quiet")
    height = _legend(canvas, {section.shortcut for section in sections(plan) if section.block}, top)
    return canvas.document(plan.name, f"{facts}. {_description(rows)}", height)


def _rows(plan: Plan) -> list[_Row]:
    rows = []
    for stage, group in groupby(sections(plan), key=lambda section: section.stage):
        lines = [tuple(line) for line in _wrapped(list(_boxes(list(group))))]
        rows += [_Row(line, stage, n == 0, n == len(lines) - 1) for n, line in enumerate(lines)]
    return rows


def _boxes(group: list[Section]) -> Iterator[_Box]:
    """The boxes of a stage, of the stem or of the head."""
    crowded = sum(section.block is not None for section in group) > SHOWN
    for run in repeated_blocks(group):
        if not crowded or len(run.sections) < 6:
            yield from map(_box, run.sections)
            continue
        hidden = run.sections[2:-1]
        yield from map(_box, run.sections[:2])
        yield _Box(hidden[0], (f"{len(hidden)} more,", f"{hidden[0].block} to {hidden[-1].block}"), like=True)
        yield _box(run.sections[-1])


def _box(section: Section) -> _Box:
    shape = "x".join(map(str, section.shape))
    return _Box(
        section, (shape,) if section.name == "input" else (*trunk_layers(section), *extra_layers(section)) or (shape,)
    )


def _wrapped(boxes: list[_Box]) -> Iterator[list[_Box]]:
    """Rows that fit the width, about equally long."""
    room = _WIDTH - _LEFT - MARGIN - _GAP
    needed = sum(box.width + _GAP for box in boxes)
    fair = needed / max(1, -(-needed // room))
    row: list[_Box] = []
    used = 0.0
    for box in boxes:
        full = used + box.width + _GAP > room or used >= fair
        if (
            row and full and (box.section.block or not box.section.stage)
        ):  # what closes a stage stays beside its last block
            yield row
            row, used = [], 0.0
        row.append(box)
        used += box.width + _GAP
    yield row


def _draw_row(canvas: SvgCanvas, plan: Plan, row: _Row, middle: float, following: Section | None) -> float:
    """Draw the boxes and their arcs; where the trunk leaves the row."""
    x = leaves = float(_LEFT)
    if row.boxes[0].section.name != "input":
        canvas.arrow(x - 22, x, middle)
    for box in row.boxes:
        section, right = box.section, x + box.width
        style = "more" if box.like else "box" if section.block else "end"
        caption = (
            section.name if section.stage is None else f"{section.block}" if section.block and not box.like else ""
        )
        canvas.box(x, middle, box.lines, style, f"{section.name}: {shape_text(section.shape)}", caption)
        if box.adds:
            above = box.height / 2 + 10
            canvas.shortcut(x - _ADD, right + _ADD, middle, above, section.shortcut, _arc_label(section))
        x = right + _GAP
        start = right + 17 if box.adds else right
        if box is row.boxes[-1] and _is_tap(section, following):
            canvas.arrow(start, start + 20, middle)
            canvas.text(start + 28, middle + 4, _boundary(plan, section), "quiet")
            return leaves - 15  # the trunk turns off before it
        canvas.arrow(start, x, middle, head=box is not row.boxes[-1])
        leaves = x
    return leaves


def _arc_label(section: Section) -> str:
    """What the shortcut does to the shape, short enough for its arc."""
    text = describe_shortcut(section)
    return "" if text == "identity" else "pool, projection" if "," in text else text


def _is_tap(section: Section, following: Section | None) -> bool:
    """Whether a section ends a stage for an output only: the next block reads what came before, and norms it itself."""
    names = {record.name for record in section.records}
    return following is not None and not any(name in names for record in following.records for name in record.inputs)


def _boundary(plan: Plan, section: Section) -> str:
    """Shape of what leaves a section, and the output that it is."""
    own = {record.name for record in section.records}
    outputs = [name for name, record in plan.outputs.items() if record in own]
    return shape_text(section.shape) + (f" → output {outputs[0]}".removesuffix(" output") if outputs else "")


def _label(canvas: SvgCanvas, plan: Plan, stage: int, middle: float) -> None:
    mine = [section for section in sections(plan) if section.stage == stage]
    blocks = sum(section.block is not None for section in mine)
    facts = (
        f"{blocks} block" + "s" * (blocks > 1),
        f"{with_unit_prefix(sum(section.parameters for section in mine))} parameters",
        f"{with_unit_prefix(sum(section.macs for section in mine))} MACs",
    )
    canvas.text(MARGIN, middle - 16, f"stage {stage}", size=14, weight=600)
    for number, fact in enumerate(facts):
        canvas.text(MARGIN, middle + 2 + number * 15, fact, "quiet")


def _legend(canvas: SvgCanvas, kinds: set[str], y: float) -> float:
    """The kinds of shortcut that the network has; the height of the picture."""
    x = float(MARGIN)
    for kind in (kind for kind in _LEGEND if kind in kinds):
        canvas.line(kind, f"M{x:g} {y:g}H{x + 34:g}")
        canvas.text(x + 42, y + 4, _LEGEND[kind], "quiet")
        x += 42 + text_width(_LEGEND[kind]) + 24
    return y + 24 if x > MARGIN else y


def _description(rows: list[_Row]) -> str:
    """The network in a sentence, each row by its first box."""
    firsts = [row.boxes[0] for row in rows if row.first]
    blocks_in_words = "; ".join(
        f"{box.section.name}: {', '.join(box.lines)} to {shape_text(box.section.shape)}" for box in firsts
    )
    return f"By first blocks: {blocks_in_words}."


__all__ = ["SHOWN", "draw_plan"]
