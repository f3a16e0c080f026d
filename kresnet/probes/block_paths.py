"""What the instruments look at, read off the plan: its batch norms, and its blocks with their two paths."""

from __future__ import annotations

from dataclasses import dataclass

from kresnet.plan import Plan, Record

#: A reading of one tensor: the names of the record that reads it and of the record that made it.
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ShortcutFork:
    """Where the two paths of a residual block part: at the block's input, or at the activated input that both read.

    Attributes:
        at: the record that both paths read.
        identity, residual: the edges that lead from it into either path.
        add: the record where they meet.
    """

    at: str
    identity: tuple[Edge, ...]
    residual: tuple[Edge, ...]
    add: str


@dataclass(frozen=True, slots=True)
class BlockPaths:
    """A block of the plan.

    Attributes:
        name: such as `stage1.block2`.
        input, output: the records that make its input and its output.
        records: its layers, in order.
        fork: None for a block without shortcut.
    """

    name: str
    input: str
    output: str
    records: tuple[Record, ...]
    fork: ShortcutFork | None


def batch_norms(plan: Plan) -> list[Record]:
    """The records of the plan's batch norms, in order."""
    return [record for record in plan.records if record.kind == "norm" and record.settings["kind"] == "batch"]


def block_paths(plan: Plan) -> list[BlockPaths]:
    """The plan's blocks, from input to output."""
    return [
        _block(f"stage{stage}.block{block}", tuple(records))
        for stage, block, records in plan.blocks()
        if stage is not None and block is not None
    ]


def _block(name: str, records: tuple[Record, ...]) -> BlockPaths:
    own = {record.name for record in records}
    (source,) = {read for record in records for read in record.inputs if read not in own}
    add = next((record for record in records if record.kind == "add"), None)
    return BlockPaths(name, source, records[-1].name, records, _fork(name, records, add) if add else None)


def _fork(name: str, records: tuple[Record, ...], add: Record) -> ShortcutFork:
    """The paths of a residual block; the second input of its addition is the shortcut."""
    by_name = {record.name: record for record in records}
    reader, at = add.name, add.inputs[1]
    while at.startswith(f"{name}.shortcut"):
        reader, at = at, by_name[at].inputs[0]
    identity = (reader, at)
    readers = [(record.name, at) for record in records if at in record.inputs]
    return ShortcutFork(at, (identity,), tuple(edge for edge in readers if edge != identity), add.name)
