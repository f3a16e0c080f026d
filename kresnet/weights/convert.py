"""Models with given weights: made from a plan, loaded from a `.keras` file, written to one. Imports TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np

from kresnet.errors import Listing, make_error
from kresnet.files import staged_file
from kresnet.graph import build_model
from kresnet.graph.recursion import room_for_recursion
from kresnet.graph.stock import save_stock
from kresnet.plan import Plan
from kresnet.weights.files.keras_config import network_differences
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import MatchTarget, WeightMatch, match_weights
from kresnet.weights.mismatch import require_match
from kresnet.weights.transfer import frozen_records, match_kresnet_weights


def set_weights(model: keras.Model, arrays: Iterable[tuple[MatchTarget, np.ndarray]]) -> int:
    """Set the values of parameters in a plan's model, and return how many were set.

    Args:
        model: the model.
        arrays: the parameters and their values, as `WeightMatch.arrays` yields them.
    """
    count = 0
    for target, array in arrays:
        layer = model.get_layer(target.record.name)
        variable = next(weight for weight in layer.weights if weight.name == target.parameter.name)
        variable.assign(array)
        count += 1
    return count


def converted_model(plan: Plan, match: WeightMatch) -> keras.Model:
    """Build the plan's model with the matched weights; unmatched weights are initialized as for training.

    Raises:
        KresnetError: `weights_mismatch` if values are no numbers.
    """
    model = build_model(plan)
    set_weights(model, match.arrays())
    return model


def load_initial_weights(network: keras.Model, plan: Plan, init: Path, new: Sequence[str] = ()) -> int:
    """Set the weights of the kresnet model in `init`, except a head of another shape, and return how many were set.

    Args:
        network: the model.
        plan: the plan of the model.
        init: the `.keras` file.
        new: names of weights that stay as they are initialized.

    Raises:
        KresnetError: `weights_mismatch`, or what reading the file raises.
    """
    with open_weights(init) as source:
        arrays = match_kresnet_weights(plan, source).arrays()
        return set_weights(network, ((target, array) for target, array in arrays if target.name not in new))


def freeze(network: keras.Model, plan: Plan, parts: Sequence[str]) -> int:
    """Freeze stages, blocks or layers: no update, no decay, batch norms in inference mode.

    Returns:
        The number of frozen weights.
    """
    records = frozen_records(plan, parts)
    for record in records:
        network.get_layer(record.name).trainable = False
    return sum(record.weights for record in records)


def load_model(path: Path, plan: Plan) -> keras.Model:
    """Build the plan's network with the weights of its `.keras` file, float32.

    The file's own description of a network is compared with the plan and never built: no class, module or path that an
    untrusted file names is looked up.

    Raises:
        KresnetError: `weights_mismatch`, with the list of differences, if it is another network's; or what reading the
            file raises.
    """
    with open_weights(path) as source:
        if not source.layers:
            raise make_error("model_unreadable", f"{path} is no .keras file: it does not say what network it is.")
        model = build_model(plan)
        kinds = {layer.name: type(layer).__name__ for layer in model.layers}
        if differences := network_differences(plan, source.layers, kinds):
            message = f"{path} is not the network {plan.name}."
            raise make_error("weights_mismatch", message, found=Listing(differences))
        set_weights(model, require_match(match_weights(plan, source, "kresnet"), plan).arrays())
        return model


def write_model(model: keras.Model, plan: Plan, path: Path) -> None:
    """Write a plan's model as a `.keras` file of stock layers, whole or not at all, after comparing it bit for bit.

    Raises:
        KresnetError: `disk_full`, `not_writable`, or `graph_mismatch` if what is read back differs, which is a bug.
    """
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        stock = build_model(plan, stock=True)
        stock.set_weights(model.get_weights())
        save_stock(stock, staged)
        with room_for_recursion(len(plan.records)):
            read_back = keras.models.load_model(staged, compile=False).get_weights()  # by Keras, as others will
        for weight, again in zip(model.weights, read_back, strict=True):
            if not np.array_equal(weight.numpy(), again):
                raise make_error("graph_mismatch", f"{weight.path} is not what was written to {path}.")


__all__ = ["converted_model", "freeze", "load_initial_weights", "load_model", "set_weights", "write_model"]
