"""The network that is served: the trained one, its batch norms folded and its weights rounded where that is wanted.

Each change is measured, on the rows that the proof will send, and recorded in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.export.export_options import Fold, WeightType
from kresnet.export.manifest import LEAST_TOLERANCE
from kresnet.export.reference_outputs import scaled_difference
from kresnet.export.signature_contract import embedding_record
from kresnet.graph import fold_batch_norms, verify_model
from kresnet.graph.layers import Conv2D
from kresnet.plan import Plan

#: Largest difference, by the proof's measure, that folding may make where it was not asked for.
FOLD_TOLERANCE = 1e-5
#: How many times a network's own variation its outputs may differ by, and how far at most.
VARIATION_FACTOR, GREATEST_TOLERANCE = 4, 1e-4

Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True, slots=True)
class ServedChange:
    """Something done, or left undone, on the way from the trained network to the served one.

    Attributes:
        what: the change, in words.
        largest_difference: difference of the outputs before and after, by
            `kresnet.export.reference_outputs.scaled_difference`.
        classes_changed: number of rows whose likeliest class is another; 0 where there are no classes.
    """

    what: str
    largest_difference: float
    classes_changed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ServedNetwork:
    """A network that can be exported.

    Attributes:
        function: maps float32 `(N, H, W, C)` or `(N, D)` to outputs by name, in inference mode; a classifier's outputs
            are `logits` and `features` (the vector that they are made of). It is traced when exported.
        plan: plan of what is computed.
        weights_bytes: bytes of the weights as they are stored, each weight counted once.
    """

    function: Callable[[tf.Tensor], Tensors]
    plan: Plan
    weights_bytes: int

    def predict(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs for `rows`, computed on the CPU as in the proof (a GPU may round to TF32)."""
        with tf.device("CPU:0"):
            outputs = self.function(tf.constant(rows, tf.float32))
        return {name: np.asarray(value, np.float32) for name, value in outputs.items()}


def unchanged_network(model: keras.Model, plan: Plan) -> ServedNetwork:
    """Return the model as it is, in the form that is exported.

    Raises:
        KresnetError: `graph_mismatch`, where `model` is not what `plan` says.
    """
    verify_model(model, plan)
    for layer in model.layers:
        if isinstance(layer, Conv2D):  # a GPU's grouped convolutions are compiled by XLA, which servers leave off
            layer.on_cpu |= layer.groups > 1
    inner = _add_features_output(model, plan)
    weights_bytes = sum(tf.as_dtype(one.dtype).size * int(np.prod(one.shape)) for one in model.weights)
    return ServedNetwork(lambda rows: inner(rows, training=False), plan, weights_bytes)


def served_network(
    model: keras.Model, plan: Plan, rows: np.ndarray, *, fold: Fold = "auto", weights: WeightType = "float32"
) -> tuple[ServedNetwork, list[ServedChange]]:
    """Return the network to serve, and how it differs from the trained one.

    Args:
        model: the trained network.
        plan: its plan.
        rows: inputs to measure differences on, real ones if possible.
        fold: fold batch norms: `auto` where no output moves by more than `FOLD_TOLERANCE`; `yes`; `no`.
        weights: type that kernels are stored in; computing is in float32 whatever it is.

    Raises:
        KresnetError: `graph_mismatch`; `bad_option`, where a weight is too large for its new type.
    """
    current = unchanged_network(model, plan)
    answers = current.predict(rows)
    changes: list[ServedChange] = []
    if fold != "no":
        folding = fold_batch_norms(model, plan)
        if folding.folded_norms:
            folded = unchanged_network(folding.model, folding.plan)
            change = _measure_change(
                f"folded {folding.folded_norms} batch norms into the weights before them", folded, answers, rows
            )
            if fold == "yes" or change.largest_difference <= FOLD_TOLERANCE:
                model, current = folding.model, folded
                answers = current.predict(rows)
            else:
                change = ServedChange("left batch norms as they are: folded, they would make this difference",
                                change.largest_difference, change.classes_changed)  # fmt: skip
            changes.append(change)
    if weights != "float32":
        rounded = _round_kernels(model, current, weights)
        changes.append(_measure_change(f"rounded kernels to {weights}", rounded, answers, rows))
        current = rounded
    return current, changes


def proof_tolerance(network: ServedNetwork, rows: np.ndarray, answers: dict[str, np.ndarray]) -> float:
    """Return the largest difference of an output, by the proof's measure, that rounding in a server may make.

    A server adds up in another order than Keras does, and how far that moves the outputs is the network's own affair:
    some hundred layers without a norm multiply what a rounding changes. So the network is asked again in Keras, in
    other batches, and for inputs that are one rounding away. The proof allows `VARIATION_FACTOR` times what that moves,
    but no less than 1e-5 and no more than `GREATEST_TOLERANCE`.

    Args:
        network: what is exported.
        rows: the reference inputs.
        answers: what it answers to them.
    """
    inputs = rows.astype(np.float32)
    moved = network.predict(inputs * np.float32(1 + 2**-23))
    worst = max(scaled_difference(values, moved[name]) for name, values in answers.items())
    for count in {1, min(7, len(rows) - 1)} - {0}:
        few = network.predict(inputs[:count])
        worst = max([worst, *(scaled_difference(values[:count], few[name]) for name, values in answers.items())])
    if not np.isfinite(worst):
        return LEAST_TOLERANCE
    return float(f"{min(max(LEAST_TOLERANCE, VARIATION_FACTOR * worst), GREATEST_TOLERANCE):.2g}")


def _add_features_output(model: keras.Model, plan: Plan) -> keras.Model:
    """Return the model with its outputs by name, and, for a classifier, the vector before the logits."""
    outputs = model.output if isinstance(model.output, dict) else {next(iter(plan.outputs)): model.output}
    if plan.probabilities is not None:
        outputs = outputs | {"features": model.get_layer(embedding_record(plan)).output}
    return keras.Model(model.input, outputs)


def _round_kernels(model: keras.Model, whole: ServedNetwork, weights: WeightType) -> ServedNetwork:
    """Return the network with its kernels stored in half the bytes, and cast to float32 on each call."""
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    halves = [tf.Variable(tf.cast(kernel.value, weights), trainable=False) for kernel in kernels]
    if not all(np.isfinite(half.numpy().astype(np.float32)).all() for half in halves):
        raise make_error(
            "bad_option", f"The network has weights that {weights} cannot hold.", remedy="--weights bfloat16"
        )
    inner = _add_features_output(model, whole.plan)

    def function(rows: tf.Tensor) -> Tensors:
        cast = [(kernel, tf.cast(half, tf.float32)) for kernel, half in zip(kernels, halves, strict=True)]
        with keras.StatelessScope(state_mapping=cast):
            return inner(rows, training=False)

    saved = sum(
        int(np.prod(kernel.shape)) * (4 - half.dtype.size) for kernel, half in zip(kernels, halves, strict=True)
    )
    return ServedNetwork(function, whole.plan, whole.weights_bytes - saved)


def _measure_change(what: str, after: ServedNetwork, before: dict[str, np.ndarray], rows: np.ndarray) -> ServedChange:
    answers = after.predict(rows)
    worst = max(scaled_difference(values, answers[name]) for name, values in before.items())
    changed = 0
    if "logits" in before:
        changed = int((before["logits"].argmax(-1) != answers["logits"].argmax(-1)).sum())
    return ServedChange(what, worst, changed)


__all__ = [
    "FOLD_TOLERANCE", "GREATEST_TOLERANCE", "ServedChange", "ServedNetwork", "proof_tolerance", "served_network",
    "unchanged_network",
]  # fmt: skip
