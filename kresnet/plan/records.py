"""The plan: one ordered list of records that describes a network completely, without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

from kresnet.plan.formatters import format_html, format_line, format_text

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A weight of a layer.

    Attributes:
        name: its name in Keras.
        shape: its shape.
        trainable: whether training changes it by gradient.
        pytorch_axes: axes of PyTorch's tensor in the order of ours; empty where they are those of a convolution's or a
            dense layer's kernel, or the same.
    """

    name: str
    shape: Shape
    trainable: bool = True
    pytorch_axes: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of values of the weight."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Record:
    """One layer of a network.

    Attributes:
        name: name of the layer in the plan and in the Keras model; no two are alike.
        kind: kind of layer, one of those of `kresnet.plan.record_kinds` or of an extension.
        inputs: names of the records that the layer reads.
        shape: shape of the output, without the batch: `(H, W, C)` or `(C,)`.
        settings: what else the layer needs; the keys depend on the kind.
        parameters: weights of the layer.
        macs: multiply-accumulates for one input, of convolutions and dense layers only; a bias does not count
            (the convention of He et al. 2015, Table 1).
        stage, block: number of the stage, and of the block in it, that the layer belongs to, from 1; None in the stem
            and the head.
        role: `main`; `shortcut` of its weights and pads, or `attention`, which the network's depth does not count.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: Shape
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    macs: int = 0
    stage: int | None = None
    block: int | None = None
    role: str = "main"

    @property
    def weights(self) -> int:
        """Number of parameters of the layer, trainable or not."""
        return sum(parameter.size for parameter in self.parameters)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "output_shape": list(self.shape),
            "settings": dict(self.settings),
            "parameters": [{"name": p.name, "shape": list(p.shape), "trainable": p.trainable} for p in self.parameters],
            "macs": self.macs,
            "stage": self.stage,
            "block": self.block,
            "role": self.role,
        }


#: Matches what `stock_name` gives.
STOCK_NAME = re.compile(r"(?:stem|neck|head|stage\d+)(?:-\w+)+")


def stock_name(name: str) -> str:
    """Return the name that a record's layer has in a `.keras` file: PyTorch allows no point in that of a parameter."""
    return name.replace(".", "-")


def record_name(layer: str) -> str:
    """Return the name of the record whose layer in a `.keras` file is named so; other names as they are."""
    return layer.replace("-", ".") if STOCK_NAME.fullmatch(layer) else layer


@dataclass(frozen=True)
class Plan:
    """A network, layer by layer.

    Attributes:
        about: what the spec says about itself: name, source, published figures, default recipe.
        records: the layers, each after its inputs.
        outputs: names of the records that each output comes from; the output of a classifier is called `logits`.
        block_kinds: kind of the blocks of each stage, in order.
        probabilities: how logits become probabilities (`softmax` or `sigmoid`); None where there are no logits.
    """

    about: Mapping[str, Any]
    records: tuple[Record, ...]
    outputs: Mapping[str, str]
    probabilities: str | None
    block_kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.about["name"]

    @property
    def input_shape(self) -> Shape:
        """Shape of the input without the batch: `(H, W, C)` or `(length,)`."""
        return self.records[0].shape

    @cached_property
    def by_name(self) -> dict[str, Record]:
        """Records by name."""
        return {record.name: record for record in self.records}

    @cached_property
    def trainable(self) -> int:
        """Number of trainable parameters."""
        return sum(p.size for record in self.records for p in record.parameters if p.trainable)

    @cached_property
    def non_trainable(self) -> int:
        """Number of parameters that no gradient changes: moving statistics."""
        return sum(record.weights for record in self.records) - self.trainable

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the network for one input."""
        return sum(record.macs for record in self.records)

    @cached_property
    def weighted_layers(self) -> int:
        """Depth as the papers count it: convolutions and dense layers, shortcuts aside."""
        return sum(bool(record.macs) and record.role == "main" for record in self.records)

    def blocks(self) -> Iterator[tuple[int | None, int | None, list[Record]]]:
        """Yield `(stage, block, records)` for each block, in order; records outside blocks are gathered likewise."""
        group: list[Record] = []
        for record in self.records:
            if group and (record.stage, record.block) != (group[0].stage, group[0].block):
                yield group[0].stage, group[0].block, group
                group = []
            group.append(record)
        yield group[0].stage, group[0].block, group

    def as_dict(self, *, records: bool = True) -> dict[str, Any]:
        """Return the plan as JSON-ready values, with or without its records."""
        return {
            **self.about,
            "input_shape": list(self.input_shape),
            "parameters": {
                "trainable": self.trainable,
                "non_trainable": self.non_trainable,
                "total": self.trainable + self.non_trainable,
            },
            "macs": self.macs,
            "weighted_layers": self.weighted_layers,
            "outputs": dict(self.outputs),
            "probabilities": self.probabilities,
            **({"records": [record.as_dict() for record in self.records]} if records else {}),
        }

    def __repr__(self) -> str:
        return f"<Plan {format_line(self)}>"

    def __str__(self) -> str:
        return format_text(self)

    def _repr_html_(self) -> str:
        return format_html(self)
