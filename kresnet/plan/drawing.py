"""The network at block level as an SVG: stem, a row (or more) a stage with its blocks and shortcut arcs, head.

The picture stands alone (no script, no font to load) and follows the reader's light or dark setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise

from kresnet.plan.parts import Part, describe_shortcut, extras, parts, runs, trunk
from kresnet.plan.records import Plan
from kresnet.plan.report import amount, shape_text

#: Blocks of a stage that are all drawn; of a longer run of like blocks only the ends are.
SHOWN = 14

# All lengths in pixels. A character is taken as this share of its font size, which no common sans-serif exceeds on average.
_CHARACTER = 0.62
_WIDTH, _LEFT, _MARGIN = 1060, 190, 24
_GAP, _LINE, _CHANNEL, _RADIUS = 34, 14, 46, 8



@dataclass(frozen=True, slots=True)
class _Box:
    """What is drawn in one rectangle: a part, or (`like`) a run of blocks that are not drawn one by one."""

    part: Part
    lines: tuple[str, ...]
    like: int = 0

    @property
    def width(self) -> float:
        return max(64.0, max(map(len, self.lines)) * 11 * _CHARACTER + 14)

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 14


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
        """Room for the arcs and their labels."""
        return 34 if any(box.part.shortcut != "none" for box in self.boxes) else 12


def draw(plan: Plan) -> str:
    """The network as a self-contained SVG document."""
    rows = _rows(plan)
    canvas = _Canvas()
    top = 62.0
    exits: list[tuple[float, float]] = []
    for index, row in enumerate(rows):
        middle = top + row.above + row.height / 2
        if index:
            canvas.turn(exits[-1], (_LEFT - 30, middle), top - _CHANNEL / 2)
            if rows[index - 1].last:
                canvas.text(_LEFT, top - _CHANNEL / 2 - 6, _boundary(plan, rows[index - 1]), "quiet", 11)
        if row.first and row.stage is not None:
            _label(canvas, plan, row.stage, middle)
        exits.append(_draw_row(canvas, row, middle, rows[index + 1].boxes[0].part if index + 1 < len(rows) else None))
        top += row.above + row.height + _CHANNEL + 10
    x, y = exits[-1]
    canvas.arrow(x, x + 20, y)
    canvas.text(x + 28, y + 4, _boundary(plan, rows[-1]), "quiet", 11)
    height = _legend(canvas, {part.shortcut for part in parts(plan) if part.block}, top)
    return _document(plan, canvas, height)


def _rows(plan: Plan) -> list[_Row]:
    rows = []
    for stage, group in groupby(parts(plan), key=lambda part: part.stage):
        lines = [tuple(line) for line in _wrapped(list(_boxes(list(group))))]
        rows += [_Row(line, stage, n == 0, n == len(lines) - 1) for n, line in enumerate(lines)]
    return rows


def _boxes(group: list[Part]) -> Iterator[_Box]:
    """The boxes of a stage, of the stem or of the head."""
    crowded = sum(part.block is not None for part in group) > SHOWN
    for run in runs(group):
        if not crowded or len(run.parts) < 6:
            yield from map(_box, run.parts)
            continue
        hidden = run.parts[2:-1]
        yield from map(_box, run.parts[:2])
        numbers = f"{hidden[0].block} to {hidden[-1].block}"
        yield _Box(hidden[0], (f"{len(hidden)} more,", numbers), like=len(hidden))
        yield _box(run.parts[-1])


def _box(part: Part) -> _Box:
    shape = "x".join(map(str, part.shape))
    return _Box(part, (shape,) if part.name == "input" else (*trunk(part), *extras(part)) or (shape,))


def _wrapped(boxes: list[_Box]) -> Iterator[list[_Box]]:
    """Rows that fit the width, about equally long."""
    room = _WIDTH - _LEFT - _MARGIN - _GAP
    needed = sum(box.width + _GAP for box in boxes)
    per_row = needed / max(1, -(-needed // room))
    row: list[_Box] = []
    used = 0.0
    for box in boxes:
        if row and (used + box.width + _GAP > room or used >= per_row):
            yield row
            row, used = [], 0.0
        row.append(box)
        used += box.width + _GAP
    yield row


def _draw_row(canvas: _Canvas, row: _Row, middle: float, following: Part | None) -> tuple[float, float]:
    """Draw the boxes and their arcs; the point from which the trunk goes on."""
    x, leaves = float(_LEFT), (0.0, middle)
    if row.boxes[0].part.name != "input":
        canvas.arrow(x - 30 + _RADIUS, x, middle)
    for box in row.boxes:
        right = x + box.width
        canvas.box(x, middle, box)
        adds = box.part.shortcut != "none" and not box.like
        if adds:
            canvas.shortcut(x - 11, right + 11, middle, box.part, middle - box.height / 2)
        start = right + 17 if adds else right
        canvas.arrow(start, right + _GAP, middle, head=box is not row.boxes[-1])
        # A stage's closing norm is beside the trunk where a feature map is tapped and the next block has its own.
        if following is None or box.part.block or _reads(following, box.part) or not row.stage:
            leaves = (right + _GAP, middle)
        x = right + _GAP
    return leaves


def _reads(part: Part, other: Part) -> bool:
    names = {record.name for record in other.records}
    return any(name in names for record in part.records for name in record.inputs)


def _boundary(plan: Plan, row: _Row) -> str:
    """Shape of what leaves the row, and the output that it is."""
    part = row.boxes[-1].part
    own = {record.name for record in part.records}
    outputs = [name for name, record in plan.outputs.items() if record in own]
    return shape_text(part.shape) + (f" → output {outputs[0]}".removesuffix(" output") if outputs else "")


def _label(canvas: _Canvas, plan: Plan, stage: int, middle: float) -> None:
    mine = [part for part in parts(plan) if part.stage == stage]
    blocks = sum(part.block is not None for part in mine)
    canvas.text(_MARGIN, middle - 16, f"stage {stage}", "", 14, weight=600)
    facts = (
        f"{blocks} block" + "s" * (blocks > 1),
        f"{amount(sum(part.parameters for part in mine))} parameters",
        f"{amount(sum(part.macs for part in mine))} MACs",
    )
    for number, fact in enumerate(facts):
        canvas.text(_MARGIN, middle + 2 + number * 15, fact, "quiet", 11)


def _legend(canvas: _Canvas, kinds: set[str], y: float) -> float:
    words = {"identity": "identity shortcut", "projection": "projection (1x1 convolution or dense)",
             "pad": "identity, padded with zero channels", "pool": "average pool"}  # fmt: skip
    x = float(_MARGIN)
    for kind, text in words.items():
        if kind in kinds:
            canvas.path(kind, f"M{x:g} {y:g}H{x + 34:g}")
            canvas.text(x + 42, y + 4, text, "quiet", 11)
            x += 42 + len(text) * 11 * _CHARACTER + 24
    return y + 24 if x > _MARGIN else y


def _document(plan: Plan, canvas: _Canvas, height: float) -> str:
    total = plan.trainable + plan.non_trainable
    facts = f"{amount(total)} parameters, {amount(plan.macs)} MACs, {plan.weighted_layers} weighted layers"
    stages = "; ".join(
        f"{box.part.name} {', '.join(box.lines)} to {shape_text(box.part.shape)}"
        for previous, box in pairwise([None, *(box for row in _rows(plan) for box in row.boxes)])
        if box and (previous is None or box.part.stage != previous.part.stage)
    )
    canvas.text(_MARGIN, 36, plan.name, "", 20, weight=700)
    canvas.text(_MARGIN, 56, facts, "quiet", 12)
    width = canvas.width
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(plan.name)}</title>',
        f'<desc id="desc">{escape(facts)}. Each stage by its first block: {escape(stages)}.</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width:g}" height="{height:g}" rx="10"/>',
        *canvas.marks,
        "</svg>",
        "",
    ])  # fmt: skip
