"""Hold the built model against its plan: names, shapes, weights."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from kresnet.errors import KresnetError, Problem
from kresnet.plan import Plan, Record
from kresnet.plan.records import record_name


def verify_model(model: keras.Model, plan: Plan) -> None:
    """Check that `model` is what `plan` says, layer by layer.

    Raises:
        KresnetError: `graph_mismatch`, a problem for each difference.
    """
    problems = [Problem("graph_mismatch", text) for text in _differences(model, plan)]
    if problems:
        raise KresnetError(problems)


def _differences(model: keras.Model, plan: Plan) -> Iterator[str]:
    layers = {record_name(layer.name): layer for layer in model.layers}
    records = {record.name: record for record in plan.records}
    for name in records.keys() - layers.keys():
        yield f"The plan's `{name}` is not in the model."
    for name in layers.keys() - records.keys():
        yield f"The model's `{name}` is not in the plan."
    any_size = plan.records[0].settings["any_size"]
    for name in records.keys() & layers.keys():
        yield from _layer_differences(layers[name], records[name], any_size)
    if model.count_params() != plan.trainable + plan.non_trainable:
        yield f"The model has {model.count_params()} parameters, the plan {plan.trainable + plan.non_trainable}."


def _layer_differences(layer: keras.layers.Layer, record: Record, any_size: bool) -> Iterator[str]:
    shape = tuple(layer.output.shape[1:])
    known = [(a, b) for a, b in zip(shape, record.shape, strict=False) if not (any_size and a is None)]
    if len(shape) != len(record.shape) or any(a != b for a, b in known):
        yield f"`{layer.name}` gives {shape}, the plan says {record.shape}."
    trained = {id(weight) for weight in layer.trainable_weights}
    weights = [(weight.name, tuple(weight.shape), id(weight) in trained) for weight in layer.weights]
    planned = [(parameter.name, parameter.shape, parameter.trainable) for parameter in record.parameters]
    if sorted(weights) != sorted(planned):
        yield f"`{layer.name}` has weights {weights}, the plan says {planned}."
