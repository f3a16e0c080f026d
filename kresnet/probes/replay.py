"""Run a network layer by layer in the plan's order, and keep the tensors that pass between the layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Record
from kresnet.probes.block_paths import Edge


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Tensors that passed through the network in a replay.

    Attributes:
        outputs: every record's output by name, `(N, ...)` in the layer's type.
        taps: a copy of the tensor that was read over each edge asked for. A gradient with respect to a tap is what
            flows back over this edge alone, where the tensor itself may have other readers.
    """

    outputs: dict[str, Any]
    taps: dict[Edge, Any]


def replay(
    network: keras.Model,
    records: Iterable[Record],
    inputs: Mapping[str, Any],
    *,
    edges: Collection[Edge] = (),
    training: Callable[[Record], bool] = lambda record: True,
) -> ReplayResult:
    """Call the network's own layers, one record after the other.

    Args:
        network: the model that `build_model` made; `records` are of its plan.
        records: what to run, in the plan's order.
        inputs: tensors that are there already, by name of the record that makes them: the `input`, for a whole network.
        edges: edges whose tensors are copied into `taps`.
        training: says of a record whether it runs in training mode.

    Returns:
        Outputs and taps; the layers' weights are read, and moving statistics moved, as in a call of the model.
    """
    outputs, taps = dict(inputs), {}

    def read(edge: Edge) -> Any:
        tensor = outputs[edge[1]]
        if edge not in edges:
            return tensor
        taps[edge] = tf.identity(tensor)
        return taps[edge]

    for record in records:
        if record.name in outputs:
            continue
        tensors = [read((record.name, name)) for name in record.inputs]
        layer = network.get_layer(record.name)
        outputs[record.name] = layer(tensors[0] if len(tensors) == 1 else tensors, training=training(record))
    return ReplayResult(outputs, taps)
