"""Memory for time: blocks that the backward pass computes again, rather than keep what was inside them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Plan
from kresnet.plan.segments import Segment, segments
from kresnet.probes.replay import replay


def rematerialized(network: keras.Model, plan: Plan, stages: Collection[int]) -> Callable[[Any], Any]:
    """The network in training mode, whose blocks in `stages` (counted from 1) keep their inputs only.

    What each block computes is computed again when its gradient is due (Chen et al. 2016, arXiv:1604.06174, section 4):
    the same numbers, with the same masks of dropout; moving statistics move in the first pass alone.

    Returns:
        From float32 images `(N, H, W, C)` to what the network returns.
    """
    pieces = segments(plan, stages)

    def forward(images: Any) -> Any:
        outputs = {plan.records[0].name: images}
        for piece in pieces:
            run = _twice if piece.again else _once
            outputs |= run(network, piece, {name: outputs[name] for name in piece.inputs} or outputs)
        named = {name: outputs[record] for name, record in plan.outputs.items()}
        return named if len(named) > 1 else next(iter(named.values()))

    return forward


def _once(network: keras.Model, piece: Segment, inputs: dict[str, Any]) -> dict[str, Any]:
    return replay(network, piece.records, inputs).outputs


def _twice(network: keras.Model, piece: Segment, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run a piece so that its gradient runs it again."""
    layers = [network.get_layer(record.name) for record in piece.records]
    moving = [variable for layer in layers for variable in layer.non_trainable_variables]
    before = [(variable, tf.convert_to_tensor(variable.value)) for variable in moving]
    runs = count()

    def run(*tensors: Any) -> list[Any]:
        given = dict(zip(piece.inputs, tensors, strict=True))
        if next(runs) == 0:
            found = _once(network, piece, given)
        else:
            with keras.StatelessScope(state_mapping=before):  # reads the seeds of then, and keeps no new statistics
                found = _once(network, piece, given)
        return [found[name] for name in piece.outputs]

    outputs = tf.recompute_grad(run)(*(inputs[name] for name in piece.inputs))
    return dict(zip(piece.outputs, outputs, strict=True))
