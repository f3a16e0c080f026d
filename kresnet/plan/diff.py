"""How two networks differ: first the settings, then part by part the records, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from kresnet.plan.formatters import format_html, format_text
from kresnet.plan.records import Plan, Record, Shape
from kresnet.plan.sections import Section, sections
from kresnet.plan.summary import shape_text

#: What a document says about itself rather than about its network.
_ABOUT = ("name", "source", "published")

#: What follows from other records and settings, and so is only named where people read.
_CONSEQUENCES = ("reads", "output_shape", "parameters", "macs")


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that differs; a side that has no such setting is absent from `values`."""

    path: str
    values: Mapping[str, Any]

    def text(self, side: Literal["a", "b"]) -> str:
        """Return the value of one side as YAML would write it; a dash where there is none."""
        if side not in self.values:
            return "-"
        return format_value(self.values[side])


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """A record that both networks have, and what differs in it: attribute or setting -> the two values."""

    name: str
    changes: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class BlockDifference:
    """A section (a block, the stem, the head) that differs.

    Attributes:
        part: name of the section, such as `stage1.block2`.
        stage, block: number of the stage and of the block in it, from 1; None for other sections.
        status: whether both networks have the section (`changed`), only B (`added`) or only A (`removed`).
        shape_a, shape_b: shape of the output in each network, without the batch.
        parameters, macs: what B has more than A, negative for less.
        added, removed: names of records that only B, or only A, has.
        changed: records that both networks have and that differ.
    """

    part: str
    stage: int | None
    block: int | None
    status: Literal["changed", "added", "removed"]
    shape_a: Shape | None
    shape_b: Shape | None
    parameters: int
    macs: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[RecordDifference, ...] = ()

    @property
    def shapes(self) -> str:
        """Output shapes in both networks: `(N, 8, 8, 16) → (N, 8, 8, 32)`."""
        return " → ".join(shape_text(shape) for shape in dict.fromkeys((self.shape_a, self.shape_b)) if shape)

    def change_lines(self) -> list[str]:
        """Return lines about the records that differ: settings with both values, shapes and inputs only by name."""
        lines = [f"{sign} {', '.join(names)}" for sign, names in (("-", self.removed), ("+", self.added)) if names]
        names_by_change: dict[str, list[str]] = {}
        for record in self.changed:
            settings = {key: pair for key, pair in record.changes.items() if key not in _CONSEQUENCES}
            text = ", ".join(f"{key} {format_value(a)} → {format_value(b)}" for key, (a, b) in settings.items())
            names_by_change.setdefault(text, []).append(record.name)
        followers = names_by_change.pop("", [])
        lines += [f"~ {', '.join(names)}: {text}" for text, names in names_by_change.items()]
        return lines + ([f"~ shape or inputs of {', '.join(followers)}"] if followers else [])

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {
            "part": self.part,
            "stage": self.stage,
            "block": self.block,
            "status": self.status,
            "output_shape": {"a": self.shape_a and list(self.shape_a), "b": self.shape_b and list(self.shape_b)},
            "parameters": self.parameters,
            "macs": self.macs,
            "records": {
                "added": list(self.added),
                "removed": list(self.removed),
                "changed": [
                    {
                        "name": r.name,
                        "changes": {k: {"a": _plain(a), "b": _plain(b)} for k, (a, b) in r.changes.items()},
                    }
                    for r in self.changed
                ],
            },
        }


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """The differences of network `b` from network `a`."""

    a: Plan
    b: Plan
    settings: tuple[SettingDifference, ...]
    blocks: tuple[BlockDifference, ...]

    @property
    def identical(self) -> bool:
        """Whether all settings and records of the two are the same, names and sources aside."""
        return not (self.settings or self.blocks)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return for each quantity of a network its values in A and B."""
        return {
            "parameters": (self.a.trainable + self.a.non_trainable, self.b.trainable + self.b.non_trainable),
            "macs": (self.a.macs, self.b.macs),
            "weighted_layers": (self.a.weighted_layers, self.b.weighted_layers),
        }

    def cost_lines(self) -> list[str]:
        """Return `totals` in words, one line a quantity."""
        lines = []
        for quantity, (a, b) in self.totals().items():
            relative = f", {b / a - 1:+.1%}" if a else ""
            change = f"({b - a:+,}{relative})" if a != b else "(the same)"
            lines.append(f"{quantity.replace('_', ' ').replace('macs', 'MACs')}: {a:,} → {b:,} {change}")
        return lines

    def grouped_blocks(self) -> list[list[BlockDifference]]:
        """Return the blocks that differ, in groups of consecutive ones of a stage that differ alike."""
        return [list(group) for _, group in groupby(self.blocks, key=_likeness)]

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {
            "a": self.a.name,
            "b": self.b.name,
            "identical": self.identical,
            "settings": [{"path": setting.path} | dict(setting.values) for setting in self.settings],
            "blocks": [block.as_dict() for block in self.blocks],
            "total": {name: {"a": a, "b": b, "difference": b - a} for name, (a, b) in self.totals().items()},
        }

    def __repr__(self) -> str:
        changed = f"{len(self.settings)} settings, {len(self.blocks)} parts"
        return f"<Difference of {self.b.name} from {self.a.name}: {changed}>"

    def __str__(self) -> str:
        return format_text(self)

    def _repr_html_(self) -> str:
        return format_html(self)


def diff_plans(a: Plan, b: Plan, document_a: Mapping[str, Any], document_b: Mapping[str, Any]) -> PlanDifference:
    """Return the differences of `b` from `a`; the documents are the specs' own, `Spec.document()`."""
    return PlanDifference(a, b, tuple(setting_differences(document_a, document_b)), tuple(_block_differences(a, b)))


def describe_place(run: Sequence[BlockDifference]) -> str:
    """Return where blocks are that differ alike: `stage 2 blocks 2-6`, `stem`."""
    first, last = run[0], run[-1]
    if first.stage is None or first.block is None:
        return first.part if first.stage is None else f"stage {first.stage} end"
    blocks = f"block {first.block}" if len(run) == 1 else f"blocks {first.block}-{last.block}"
    return f"stage {first.stage} {blocks}"


def setting_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[SettingDifference]:
    """Return the settings that differ between two documents, names and sources aside."""
    sides = {"a": dict(flatten_settings(a)), "b": dict(flatten_settings(b))}
    for path in sides["a"] | sides["b"]:
        values = {side: stated[path] for side, stated in sides.items() if path in stated}
        if path.split(".")[0] not in _ABOUT and (len(values) == 1 or values["a"] != values["b"]):
            yield SettingDifference(path, values)


def flatten_settings(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of every setting of a document; a list of plain values is one setting."""
    if isinstance(node, Mapping):
        for key, value in sorted(node.items(), key=lambda item: item[0] != "kind"):
            yield from flatten_settings(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and isinstance(node[0], Mapping):
        for index, value in enumerate(node):
            yield from flatten_settings(value, f"{path}.{index}")
    else:
        yield path, node


def _block_differences(a: Plan, b: Plan) -> Iterator[BlockDifference]:
    sections_a, sections_b = ({section.name: section for section in sections(plan)} for plan in (a, b))
    for name in sorted(sections_a | sections_b, key=lambda name: _position(sections_a.get(name) or sections_b[name])):
        difference = _compare_sections(sections_a.get(name), sections_b.get(name))
        if difference:
            yield difference


def _position(section: Section) -> tuple[int, int]:
    """Input and stem, then the stages block by block and what ends each, then the head."""
    if section.stage is None:
        return {"input": (0, 0), "stem": (0, 1)}.get(section.name, (1 << 20, 0))
    return section.stage, section.block or 1 << 20


def _compare_sections(a: Section | None, b: Section | None) -> BlockDifference | None:
    if a is None or b is None:
        section, sign = (b, 1) if b else (a, -1)
        assert section is not None
        status: Literal["added", "removed"] = "added" if b else "removed"
        shapes = a.shape if a else None, b.shape if b else None
        cost = sign * section.parameters, sign * section.macs
        return BlockDifference(section.name, section.stage, section.block, status, *shapes, *cost)
    of_a, of_b = ({section.relative_name(record.name): record for record in section.records} for section in (a, b))
    changed = []
    for name in of_a:
        if name in of_b and (changes := dict(_record_changes(of_a[name], of_b[name], a, b))):
            changed.append(RecordDifference(name, changes))
    added = tuple(name for name in of_b if name not in of_a)
    removed = tuple(name for name in of_a if name not in of_b)
    if not (added or removed or changed):
        return None
    cost = b.parameters - a.parameters, b.macs - a.macs
    return BlockDifference(a.name, a.stage, a.block, "changed", a.shape, b.shape, *cost, added, removed, tuple(changed))


def _record_changes(
    a: Record, b: Record, section_a: Section, section_b: Section
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    reads = [
        [section.relative_name(name) for name in record.inputs] for section, record in ((section_a, a), (section_b, b))
    ]
    facts = {
        "kind": (a.kind, b.kind),
        "reads": (reads[0], reads[1]),
        "output_shape": (a.shape, b.shape),
        "parameters": (a.weights, b.weights),
        "macs": (a.macs, b.macs),
    }
    settings = {key: (a.settings.get(key), b.settings.get(key)) for key in {**a.settings, **b.settings}}
    for key, (left, right) in (settings | facts).items():
        if left != right:
            yield key, (left, right)


def _likeness(block: BlockDifference) -> tuple[Any, ...]:
    """Equal for blocks that may share a line: all that differs, rates of stochastic depth aside."""
    if block.block is None:
        return (block.part,)
    changed = [
        (record.name, None if record.name == "stochastic_depth" else [(k, str(v)) for k, v in record.changes.items()])
        for record in block.changed
    ]
    return (
        block.stage,
        block.status,
        block.shape_a,
        block.shape_b,
        block.parameters,
        block.macs,
        block.added,
        block.removed,
        changed,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def format_value(value: Any) -> str:
    """Return a value as YAML would write it, numbers in four significant digits."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


__all__ = [
    "BlockDifference",
    "PlanDifference",
    "RecordDifference",
    "SettingDifference",
    "describe_place",
    "diff_plans",
    "flatten_settings",
    "format_value",
    "setting_differences",
]
