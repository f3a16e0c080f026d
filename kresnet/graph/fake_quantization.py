"""A network that computes in float what its file of integers will: rounded weights, rounded activations, folded norms.

The scheme is that of Jacob et al. 2018 (arXiv:1712.05877, section 3), as LiteRT's kernels have it. Weights are rounded
to 127 steps either side of zero, a scale for each output channel; activations to 256 steps between the moving averages
of their smallest and largest values, zero among them. A batch norm that follows a convolution or dense layer is folded
into its weights before they are rounded, by its moving statistics, which stay as they are: what is trained is served.
Rounding has no gradient; where a value lies within its range it is passed on as if nothing had been rounded (Bengio et
al. 2013, arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Plan, Record
from kresnet.plan.folding import fold_plan
from kresnet.plan.kinds import record_kind
from kresnet.plan.quantization import rounded_records

#: Share of a range that a step keeps.
RANGE_DECAY = 0.99
BITS = 8


class FakeQuantization:
    """The rounding of a network's weights and activations, and the ranges that it learns of these.

    Attributes:
        ranges: the smallest and the largest value of each activation that is rounded, float32 `(records, 2)`, in the
            order of `records`.
        seen: number of batches that they were taken from.
        records: names of the records of the folded plan whose outputs are rounded.
    """

    def __init__(self, plan: Plan) -> None:
        """Make the ranges for a network; they are variables, made where they are to lie."""
        self._plan = plan
        self._folding = fold_plan(plan)
        self.records = rounded_records(self._folding.plan)
        self._places = {name: place for place, name in enumerate(self.records)}
        self.ranges = tf.Variable(tf.zeros((len(self.records), 2)), trainable=False)
        self.seen = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def variables(self) -> list[Any]:
        """Variables that a checkpoint must hold."""
        return [self.ranges, self.seen]

    def values(self) -> dict[str, tuple[float, float]]:
        """Return the ranges by record."""
        return {name: (float(low), float(high))
                for name, (low, high) in zip(self.records, self.ranges.numpy(), strict=True)}  # fmt: skip

    def assign(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        """Take ranges that training has learned, by record, as `values` gives them."""
        self.ranges.assign([ranges[name] for name in self.records])
        self.seen.assign(1)

    def run(self, network: keras.Model, images: Any, *, training: bool) -> Any:
        """Return what a network computes of images, rounded.

        Args:
            network: the network of the plan, which need not be the one whose ranges are known.
            images: float32 `(n, H, W, C)`, or vectors.
            training: whether dropout drops, and the ranges move.
        """
        outputs: dict[str, Any] = {}
        bounds: list[Any] = []
        before = self.ranges.read_value()
        for record in self._folding.plan.records:
            if record.kind == "input":
                outputs[record.name] = images
                continue
            value = self._layer_output(network, record, [outputs[name] for name in record.inputs], training)
            if record.name in self._places:
                low, high = tf.unstack(before[self._places[record.name]])
                if training:
                    low, high = self._moved(low, high, value)
                    bounds.append(tf.stack([low, high]))
                value = tf.quantization.fake_quant_with_min_max_vars(value, low, high, num_bits=BITS)
            outputs[record.name] = value
        if training:
            self.ranges.assign(tf.stack(bounds))
            self.seen.assign_add(1)
        named = {name: outputs[record] for name, record in self._folding.plan.outputs.items()}
        return named if len(named) > 1 else next(iter(named.values()))

    def _moved(self, low: Any, high: Any, value: Any) -> tuple[Any, Any]:
        """The range after a batch; the first batch's is taken as it is. No gradient flows into it."""
        value = tf.stop_gradient(value)
        keep = tf.where(self.seen > 0, RANGE_DECAY, 0.0)
        least, most = tf.minimum(tf.reduce_min(value), 0.0), tf.maximum(tf.reduce_max(value), 1e-6)
        return keep * low + (1.0 - keep) * least, keep * high + (1.0 - keep) * most

    def _layer_output(self, network: keras.Model, record: Record, inputs: list[Any], training: bool) -> Any:
        layer, axis = network.get_layer(record.name), record_kind(record).fold_axis
        arguments = inputs[0] if len(inputs) == 1 else inputs
        if axis is None:
            # Norms that nothing can be folded into are those of inference too.
            return layer(arguments, training=training and record.kind != "norm")
        held = {"kernel": layer.kernel.value} | ({} if layer.bias is None else {"bias": layer.bias.value})
        if norm := self._folding.norm_by_layer.get(record.name):
            held = _fold(held, network.get_layer(norm.name), axis)
        held["kernel"] = round_kernel(held["kernel"], axis)
        state = [(getattr(layer, name), value) for name, value in held.items() if getattr(layer, name) is not None]
        with keras.StatelessScope(state_mapping=state):
            value = layer(arguments)
        return value + held["bias"] if layer.bias is None and "bias" in held else value


def rounded_forward(
    network: keras.Model, plan: Plan, ranges: Mapping[str, tuple[float, float]]
) -> Callable[[Any], Any]:
    """Return what computes a trained network's outputs as its file of integers does, from images `(n, H, W, C)`.

    Args:
        network: the network.
        plan: its plan.
        ranges: of its activations, as training has learned them.
    """
    rounding = FakeQuantization(plan)
    rounding.assign(ranges)
    return partial(rounding.run, network, training=False)


def round_kernel(kernel: Any, axis: int = -1) -> Any:
    """Return a kernel, rounded to 127 steps either side of zero, a scale for each output channel.

    Args:
        kernel: of a layer.
        axis: along which the output channels lie.
    """
    axis %= len(kernel.shape)
    order = [*(each for each in range(len(kernel.shape)) if each != axis), axis]
    moved = tf.transpose(kernel, order)  # (..., C)
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(moved)), axis=tuple(range(len(order) - 1)))
    largest = tf.maximum(largest, 1e-9)
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        moved, -largest, largest, num_bits=BITS, narrow_range=True
    )
    return tf.transpose(rounded, [order.index(each) for each in range(len(order))])


def _fold(held: dict[str, Any], norm: Any, axis: int) -> dict[str, Any]:
    """Kernel and bias of a layer that also does what the norm behind it does in inference."""
    mean, variance = (tf.convert_to_tensor(each) for each in (norm.moving_mean.value, norm.moving_variance.value))
    scale = norm.gamma.value * tf.math.rsqrt(variance + norm.epsilon)  # (C,)
    shape = [1] * len(held["kernel"].shape)
    shape[axis] = -1
    bias = norm.beta.value + (held.get("bias", 0.0) - mean) * scale
    return {"kernel": held["kernel"] * tf.reshape(scale, shape), "bias": bias}


__all__ = ["BITS", "RANGE_DECAY", "FakeQuantization", "round_kernel", "rounded_forward"]
