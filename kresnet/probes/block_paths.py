"""The batch norms of a plan, and its blocks with their two paths, as probes need them."""

from __future__ import annotations

from dataclasses import dataclass

from kresnet.plan import Plan, Record

#: A tensor that passes from one record to another: the names of the record that reads it and of the one that made it.
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ShortcutFork:
    """Where the two paths of a residual block separate: at its input, or at the activated input that both read.

    Attributes:
        at: name of the record that both paths read.
        identity: edges that lead from that record into the shortcut.
        residual: edges that lead from that record into the residual branch.
        add: name of the record where the paths meet.
    """

    at: str
    identity: tuple[Edge, ...]
    residual: tuple[Edge, ...]
    add: str


@dataclass(frozen=True, slots=True)
class BlockPaths:
    """A block of the plan, with its paths.

    Attributes:
        name: name of the block, such as `stage1.block2`.
        input: name of the record that makes its input.
        output: name of the record that makes its output.
        records: the block's records, in order.
        fork: where its paths separate; None for a block without shortcut.
    """

    name: str
    input: str
    output: str
    records: tuple[Record, ...]
    fork: ShortcutFork | None


def batch_norms(plan: Plan) -> list[Record]:
    """Return the records of the plan's batch norms, in order."""
    return [record for record in plan.records if record.kind == "norm" and record.settings["kind"] == "batch"]


def block_paths(plan: Plan) -> list[BlockPaths]:
    """Return the plan's blocks, from input to output."""
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
    """Return where the paths of a residual block separate; the second input of its addition is the shortcut."""
    by_name = {record.name: record for record in records}
    reader, at = add.name, add.inputs[1]
    while at.startswith(f"{name}.shortcut"):
        reader, at = at, by_name[at].inputs[0]
    identity = (reader, at)
    readers = [(record.name, at) for record in records if at in record.inputs]
    return ShortcutFork(at, (identity,), tuple(edge for edge in readers if edge != identity), add.name)
