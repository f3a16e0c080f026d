"""A list of records that grows: how each is named, and which stage, block and role it belongs to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kresnet.errors import KresnetError, Problem
from kresnet.plan.records import Parameter, Record, Shape

#: Names of the parameters of a layer, in order: a file numbers them, and their shapes tell which of these they are.
_READABLE = (
    (),
    ("kernel",),
    ("kernel", "bias"),
    ("gamma",),
    ("gamma", "beta"),
    ("gamma", "beta", "moving_mean", "moving_variance"),
)


class ScopedRecords:
    """A list of records that grows.

    Names are prefixed with the current `scope`, so that `append` is told `conv1` and writes `stage1.block2.conv1`.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._scope, self._role = "", "main"
        self._stage: int | None = None
        self._block: int | None = None

    def part(self, settings: Hashable, x: Record | None, append: Callable[[Any], Record]) -> Record:
        """Append a part of the network after `x`, and return its last record.

        Args:
            settings: what the records of the part depend on, beside the shape of `x`; but for names and rates.
            x: last record of the part before; None for the first.
            append: appends them.
        """
        return append(x)

    @contextmanager
    def scope(self, name: str, stage: int | None = None, block: int | None = None) -> Iterator[None]:
        """Within the `with` block, prefix names with `name`, and let records belong to a stage and a block."""
        outer = self._scope, self._stage, self._block
        self._scope, self._stage, self._block = f"{self._scope}{name}.", stage, block
        yield
        self._scope, self._stage, self._block = outer

    @property
    def block_input(self) -> Record:
        """What the block reads whose records are being appended, at least one by now."""
        within = itertools.takewhile(
            lambda record: (record.stage, record.block) == (self._stage, self._block), reversed(self.records)
        )
        *_, first = within
        return next(record for record in reversed(self.records) if record.name == first.inputs[0])

    @property
    def block_path(self) -> str:
        """Path in the spec of the settings of the block whose records are being appended."""
        return f"stages.{(self._stage or 1) - 1}.block"

    @contextmanager
    def attention(self, name: str) -> Iterator[None]:
        """Within the `with` block, prefix names with `name`, and let records have the role of attention."""
        outer = self._scope, self._role
        self._scope, self._role = f"{self._scope}{name}.", "attention"
        yield
        self._scope, self._role = outer

    def append(
        self,
        name: str,
        kind: str,
        inputs: tuple[Record, ...],
        shape: Shape,
        *,
        settings: Mapping[str, Any] | None = None,
        parameters: tuple[Parameter, ...] = (),
        macs: int = 0,
        role: str | None = None,
    ) -> Record:
        """Append a record, of a kind that ships or of one that was registered, and return it.

        Args:
            name: its name within the current scope.
            kind: its kind.
            inputs: the records that it reads.
            shape: shape of its output, without the batch.
            settings: what else its layer needs, as JSON-ready values.
            parameters: weights of its layer.
            macs: multiply-accumulates for one input.
            role: `shortcut` for weights and pads of a shortcut; that of the current scope by default.

        Raises:
            KresnetError: `extension_broken` for parameters that a file, which numbers them, could not give back.
        """
        if tuple(each.name for each in parameters) not in _READABLE:
            message = f"The parameters of `{self._scope}{name}` could not be read back from a file of Keras."
            expected = " or ".join(", ".join(each) for each in _READABLE if each)
            found = ", ".join(each.name for each in parameters)
            raise KresnetError(Problem("extension_broken", message, expected=expected, found=found))
        names = tuple(record.name for record in inputs)
        record = Record(
            name=self._scope + name,
            kind=kind,
            inputs=names,
            shape=shape,
            settings=settings or {},
            parameters=parameters,
            macs=macs,
            stage=self._stage,
            block=self._block,
            role=role or self._role,
        )
        self.records.append(record)
        return record
