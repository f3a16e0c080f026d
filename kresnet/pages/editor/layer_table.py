"""The table of a network's parts: shapes, parameters, multiply-accumulates, memory at a batch size, receptive field."""

from __future__ import annotations

from collections.abc import Iterable

from kresnet.plan import Plan
from kresnet.plan.memory_estimate import activations_by_record, bytes_text
from kresnet.plan.receptive_field import ReceptiveField, receptive_fields
from kresnet.plan.sections import Section
from kresnet.plan.summary import shape_text, summary_rows, with_unit_prefix

HEAD = ("part", "layers", "shortcut", "output", "parameters", "MACs", "kept for backward", "receptive field")
#: How many of its columns are words.
WORDS = 4


def layer_rows(plan: Plan, batch_size: int, precision: str = "float32") -> list[tuple[str, ...]]:
    """Return the rows of the table, cells as text; those of stages, stem and head add up to the network."""
    kept, fields = activations_by_record(plan, precision=precision), receptive_fields(plan)
    rows: list[tuple[str, ...]] = []
    for row in summary_rows(plan):
        memory = batch_size * sum(kept.get(record.name, 0) for part in row.sections for record in part.records)
        figures = (f"{row.parameters:,}" if row.parameters else "–", with_unit_prefix(row.macs) if row.macs else "–")
        rows.append((
            "\N{EM SPACE}" * row.level + row.part, row.layers, row.shortcut, shape_text(row.shape), *figures,
            bytes_text(memory) if memory else "–", _field_text(plan, row.sections, fields),
        ))  # fmt: skip
    return rows


def _field_text(plan: Plan, parts: Iterable[Section], fields: dict[str, ReceptiveField | None]) -> str:
    field = fields[list(parts)[-1].records[-1].name]
    if field is None:
        return "all" if len(plan.input_shape) == 3 else "–"
    return f"{field.size} px" + (f" /{field.stride}" if field.stride > 1 else "")


__all__ = ["HEAD", "WORDS", "layer_rows"]
