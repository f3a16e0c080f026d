"""The blocks of some stages, as pieces of a network that can be run by themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kresnet.errors import make_error
from kresnet.plan.records import Plan, Record


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive records of a plan.

    Attributes:
        records: the records, in the order of the plan.
        inputs: names of the records before the segment that the segment reads.
        outputs: names of records of the segment that are read after it, or are outputs of the network.
        recomputed: whether the backward pass computes the segment again, rather than keep its inner values.
    """

    records: tuple[Record, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    recomputed: bool

    @property
    def inner_names(self) -> set[str]:
        """Names of the segment's records whose outputs no other segment reads."""
        return {record.name for record in self.records} - set(self.outputs)


def segments(plan: Plan, stages: Collection[int]) -> list[Segment]:
    """Return the whole plan as segments, one a block; those of `stages` (counted from 1) are recomputed."""
    pieces = []
    for stage, _, records in plan.blocks():
        own = {record.name for record in records}
        read = {name for record in plan.records if record.name not in own for name in record.inputs}
        read |= set(plan.outputs.values())
        inputs = dict.fromkeys(name for record in records for name in record.inputs if name not in own)
        outputs = tuple(record.name for record in records if record.name in read)
        pieces.append(Segment(tuple(records), tuple(inputs), outputs, stage in stages))
    return pieces


def require_rematerialized_stages(plan: Plan, stages: Collection[int]) -> None:
    """Make sure that a recipe's `rematerialize` names stages of this network, each once.

    Raises:
        KresnetError: `contradiction`.
    """
    count = max((record.stage or 0 for record in plan.records), default=0)
    if max(stages, default=0) > count or len(set(stages)) < len(stages):
        raise make_error(
            "contradiction",
            f"{plan.name} has {count} stage{'s' * (count != 1)}.",
            path="rematerialize",
            expected=f"numbers from 1 to {count}, each once",
            found=", ".join(map(str, stages)),
        )
