"""Set matched weights into a plan's model and write it; importing this imports TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np

from kresnet.errors import make_error
from kresnet.files import staged_file
from kresnet.graph import build_model
from kresnet.plan import Plan
from kresnet.weights.keras_config import differences
from kresnet.weights.matching import MatchTarget, WeightMatch, match_weights, require_match
from kresnet.weights.source import open_weights
from kresnet.weights.transfer import frozen_records, matched

#: Layers of another network that one message lists.
MOST_DIFFERENCES = 100


def set_weights(model: keras.Model, arrays: Iterable[tuple[MatchTarget, np.ndarray]]) -> int:
    """Set each parameter in its layer of a plan's model; how many there were."""
    count = 0
    for target, array in arrays:
        layer = model.get_layer(target.record.name)
        variable = next(weight for weight in layer.weights if weight.name == target.parameter.name)
        variable.assign(array)
        count += 1
    return count


def converted_model(plan: Plan, found: WeightMatch) -> keras.Model:
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


def load_model(path: Path, plan: Plan) -> keras.Model:
    """The plan's network with the weights of its `.keras` file, float32.

    The file's own description of a network is compared with the plan and never built: whatever classes, modules or
    paths a stranger's file may name, none is looked up.

    Raises:
        KresnetError: `weights_mismatch`, with the list of differences, if it is another network's; or what reading the
            file raises.
    """
    with open_weights(path) as source:
        if not source.layers:
            raise make_error("model_unreadable", f"{path} is no .keras file: it does not say what network it is.")
        model = build_model(plan)
        kinds = {layer.name: type(layer).__name__ for layer in model.layers}
        if found := differences(plan, source.layers, kinds):
            message = f"{path} is not the network {plan.name}."
            shown = found[:MOST_DIFFERENCES]
            if len(found) > len(shown):
                shown.append(f"and {len(found) - len(shown)} more")
            raise make_error("weights_mismatch", message, found="".join(f"\n    {each}" for each in shown))
        set_weights(model, require_match(match_weights(plan, source, "kresnet"), plan).arrays())
        return model


def write_model(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file, whole or not at all, and only once it has been read back bit for bit.

    Raises:
        KresnetError: `disk_full`, `not_writable`, or `graph_mismatch` if what is read back differs, which is a bug.
    """
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(staged)
        read_back = keras.models.load_model(staged, compile=False).get_weights()  # by Keras, as others will
        for weight, again in zip(model.weights, read_back, strict=True):
            if not np.array_equal(weight.numpy(), again):
                raise make_error("graph_mismatch", f"{weight.path} is not what was written to {path}.")


__all__ = ["converted_model", "freeze", "load_model", "set_weights", "start_from", "write_model"]
