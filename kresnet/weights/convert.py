"""Set matched weights into a plan's model and write it; importing this imports TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np

from kresnet.errors import fail
from kresnet.files import staged_file
from kresnet.graph import build_model
from kresnet.inference import load_model
from kresnet.plan import Plan
from kresnet.weights.matching import Match, Target
from kresnet.weights.source import open_weights
from kresnet.weights.transfer import frozen_records, matched


def set_weights(model: keras.Model, arrays: Iterable[tuple[Target, np.ndarray]]) -> int:
    """Set each parameter in its layer of a plan's model; how many there were."""
    count = 0
    for target, array in arrays:
        layer = model.get_layer(target.record.name)
        variable = next(weight for weight in layer.weights if weight.name == target.parameter.name)
        variable.assign(array)
        count += 1
    return count


def converted_model(plan: Plan, found: Match) -> keras.Model:
    """The plan's model with the matched weights; what has none starts as it would in training.

    Raises:
        KresnetError: `weights_mismatch` if values are no numbers.
    """
    model = build_model(plan)
    set_weights(model, found.arrays())
    return model


def start_from(network: keras.Model, plan: Plan, init: Path) -> int:
    """Set the weights of the kresnet model in `init`, all but a head of another shape; how many were set.

    Raises:
        KresnetError: `weights_mismatch`, or what reading the file raises.
    """
    with open_weights(init) as source:
        return set_weights(network, matched(plan, source).arrays())


def freeze(network: keras.Model, plan: Plan, parts: Sequence[str]) -> int:
    """Hold the weights of the named parts: no update, no decay, batch norms in inference mode; how many numbers."""
    records = frozen_records(plan, parts)
    for record in records:
        network.get_layer(record.name).trainable = False
    return sum(record.weights for record in records)


def write_model(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file, whole or not at all, and only once it has been read back bit for bit.

    Raises:
        KresnetError: `disk_full`, `not_writable`, or `graph_mismatch` if what is read back differs, which is a bug.
    """
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(staged)
        read_back = load_model(staged).get_weights()
        for weight, again in zip(model.weights, read_back, strict=True):
            if not np.array_equal(weight.numpy(), again):
                raise fail("graph_mismatch", f"{weight.path} is not what was written to {path}.")


__all__ = ["converted_model", "freeze", "set_weights", "start_from", "write_model"]
