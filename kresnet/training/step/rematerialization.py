"""Rematerialization: blocks whose activations are computed again in the backward pass, rather than kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Plan
from kresnet.plan.segments import Segment, segments
from kresnet.probes.replay import replay


def rematerialized_forward(network: keras.Model, plan: Plan, stages: Collection[int]) -> Callable[[Any], Any]:
    """Return a function that runs the network in training mode and keeps only the inputs of blocks in `stages`.

    The activations of these blocks are computed again when their gradients are due (Chen et al. 2016,
    arXiv:1604.06174, section 4): the same numbers, with the same masks of dropout. Moving statistics are updated in the
    first pass only.

    Args:
        network: the network.
        plan: the plan that it was built from.
        stages: numbers of stages, counted from 1.

    Returns:
        A function from float32 images `(N, H, W, C)` to what the network returns.
    """
    all_segments = segments(plan, stages)

    def forward(images: Any) -> Any:
        outputs = {plan.records[0].name: images}
        for segment in all_segments:
            run = _run_segment_again_for_gradients if segment.recomputed else _run_segment
            outputs |= run(network, segment, {name: outputs[name] for name in segment.inputs} or outputs)
        named = {name: outputs[record] for name, record in plan.outputs.items()}
        return named if len(named) > 1 else next(iter(named.values()))

    return forward


def _run_segment(network: keras.Model, segment: Segment, inputs: dict[str, Any]) -> dict[str, Any]:
    return replay(network, segment.records, inputs).outputs


def _run_segment_again_for_gradients(network: keras.Model, segment: Segment, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run a segment such that its gradient runs it again."""
    layers = [network.get_layer(record.name) for record in segment.records]
    moving = [variable for layer in layers for variable in layer.non_trainable_variables]
    before = [(variable, tf.convert_to_tensor(variable.value)) for variable in moving]
    runs = count()

    def run(*tensors: Any) -> list[Any]:
        tensors_by_name = dict(zip(segment.inputs, tensors, strict=True))
        if next(runs) == 0:
            outputs = _run_segment(network, segment, tensors_by_name)
        else:
            with keras.StatelessScope(state_mapping=before):  # uses the earlier seeds, and drops the new statistics
                outputs = _run_segment(network, segment, tensors_by_name)
        return [outputs[name] for name in segment.outputs]

    outputs = tf.recompute_grad(run)(*(inputs[name] for name in segment.inputs))
    return dict(zip(segment.outputs, outputs, strict=True))
