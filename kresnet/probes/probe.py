"""Measures inside one training step: the same forward and backward pass, run layer by layer."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kresnet.plan import Plan, Record
from kresnet.probes import batch_norm_agreement as agreement
from kresnet.probes import batch_norm_derivation as batch_norm
from kresnet.probes.block_paths import BlockPaths, Edge, batch_norms, block_paths
from kresnet.probes.replay import ReplayResult, replay

#: How many entries of each batch norm's gradients are also computed by central differences.
DIFFERENCE_SAMPLES = 4

#: Columns of the `flow` finding: sums of squares (and one of products) over the global batch.
FLOW_COLUMNS = ("delta", "identity", "residual", "product", "weights")


class Probe:
    """Measures a step of a network, norms, blocks or both; `Trainer.backward` calls it in replica context.

    Attributes:
        norms: batch norms that are checked; empty if not asked for.
        blocks: blocks whose gradients are measured; empty if not asked for.
    """

    def __init__(self, plan: Plan, network: keras.Model, *, check_norms: bool, measure_blocks: bool) -> None:
        self.plan, self.network = plan, network
        self.norms: list[Record] = batch_norms(plan) if check_norms else []
        self.blocks: list[BlockPaths] = block_paths(plan) if measure_blocks else []
        self.weight_positions = {id(weight): n for n, weight in enumerate(network.trainable_variables)}
        edges = {(norm.name, norm.inputs[0]) for norm in self.norms}
        for block in self.blocks:
            edges |= {*block.fork.identity, *block.fork.residual} if block.fork else set()
        self.edges = frozenset(edges)

    def forward(self, images: Any) -> ReplayResult:
        """Run the network over float32 `images`, layer by layer, in training mode."""
        return replay(self.network, self.plan.records, {"input": images}, edges=self.edges)

    def outputs(self, replayed: ReplayResult) -> Any:
        """Return what the network itself would return."""
        outputs = {name: replayed.outputs[record] for name, record in self.plan.outputs.items()}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def watched_tensors(self, replayed: ReplayResult) -> dict[str | Edge, Any]:
        """Return the tensors whose gradients `findings` needs, by record or edge."""
        names = [*(norm.name for norm in self.norms), *(block.output for block in self.blocks)]
        return {name: replayed.outputs[name] for name in names} | replayed.taps

    def findings(
        self,
        replayed: ReplayResult,
        gradients_of: dict[str | Edge, Any],
        local_gradients: Sequence[Any],
        summed_gradients: Sequence[Any],
    ) -> dict[str, Any]:
        """Return the measurements of a step.

        Args:
            replayed: what `forward` returned.
            gradients_of: gradients with respect to what `watched_tensors` returned.
            local_gradients: this replica's gradients of the trainable weights.
            summed_gradients: their sum over replicas.

        Returns:
            `batch_norm`, float64 `(norms, len(ERROR_FIELDS) + 1)`, relative errors of this replica's norms, and m;
            `flow`, float64 `(blocks, len(FLOW_COLUMNS))`.
        """
        findings = {}
        if self.norms:
            findings["batch_norm"] = self._norm_errors(replayed, gradients_of, local_gradients)
        if self.blocks:
            findings["flow"] = self._flow(gradients_of, summed_gradients)
        return findings

    def _norm_errors(
        self, replayed: ReplayResult, gradients_of: dict[str | Edge, Any], local_gradients: Sequence[Any]
    ) -> Any:
        rows: list[Any] = []
        for norm in reversed(self.norms):  # as the backward pass goes
            layer, edge = self.network.get_layer(norm.name), (norm.name, norm.inputs[0])
            kernel = [
                gradients_of[edge],
                *(local_gradients[self.weight_positions[id(w)]] for w in (layer.gamma, layer.beta)),
            ]
            weights = [tf.convert_to_tensor(weight.value) for weight in (layer.gamma, layer.beta)]
            # One after the other: float64 copies of every layer at once would not fit where the network just does.
            with tf.control_dependencies(rows[-1:]):
                check = _synchronized_errors if layer.synchronized else _local_errors
                seed = tf.constant([zlib.crc32(norm.name.encode()) & 0x7FFFFFFF, 0])
                passed = (replayed.taps[edge], replayed.outputs[norm.name], gradients_of[norm.name])
                rows.append(check(*passed, *kernel, *weights, layer.epsilon, seed))
        return tf.stack(rows[::-1])

    def _flow(self, gradients_of: dict[str | Edge, Any], summed_gradients: Sequence[Any]) -> Any:
        rows = [self._block_flow(block, gradients_of) for block in self.blocks]
        context = tf.distribute.get_replica_context()
        signals = tf.stack(rows)
        if context.num_replicas_in_sync > 1:
            signals = context.all_reduce(tf.distribute.ReduceOp.SUM, signals)
        weights = [
            sum(
                (_inner(g, g) for g in (summed_gradients[n] for n in self._weights_of(block))),
                start=tf.zeros((), tf.float64),
            )
            for block in self.blocks
        ]
        return tf.concat([signals, tf.stack(weights)[:, None]], axis=1)

    def _block_flow(self, block: BlockPaths, gradients_of: dict[str | Edge, Any]) -> Any:
        delta = gradients_of[block.output]
        if block.fork is None:
            zero = tf.zeros((), tf.float64)
            return tf.stack([_inner(delta, delta), zero, zero, zero])
        identity, residual = (
            tf.add_n([tf.cast(gradients_of[edge], tf.float64) for edge in edges])
            for edges in (block.fork.identity, block.fork.residual)
        )
        products = [(identity, identity), (residual, residual), (identity, residual)]
        return tf.stack([_inner(delta, delta), *(_inner(a, b) for a, b in products)])

    def _weights_of(self, block: BlockPaths) -> list[int]:
        layers = [self.network.get_layer(record.name) for record in block.records]
        return [self.weight_positions[id(weight)] for layer in layers for weight in layer.trainable_weights]


def _inner(a: Any, b: Any) -> Any:
    """Return Σ a·b in float64: squares of what vanishes would underflow in float32."""
    return tf.reduce_sum(tf.cast(a, tf.float64) * tf.cast(b, tf.float64))


def _errors(
    total: batch_norm.ReplicaSum,
    x: Any,
    y: Any,
    dy: Any,
    dx: Any,
    d_gamma: Any,
    d_beta: Any,
    gamma: Any,
    beta: Any,
    epsilon: float,
    seed: Any,
) -> Any:
    """Return a norm's relative errors and m, float64 `(len(ERROR_FIELDS) + 1,)`; x, y, dy and dx are `(..., C)`."""
    channels = x.shape[-1]
    x, dy = (tf.cast(tf.reshape(tensor, (-1, channels)), tf.float64) for tensor in (x, dy))
    gamma, beta = tf.cast(gamma, tf.float64), tf.cast(beta, tf.float64)
    stats = batch_norm.batch_statistics(x, epsilon, total)
    derived = batch_norm.long_form(stats, dy, gamma, total)
    compact = batch_norm.compact_form(stats, dy, gamma, total)
    size = agreement.term_sizes(stats, dy, gamma)
    kernel = batch_norm.NormGradients(tf.reshape(dx, (-1, channels)), d_gamma, d_beta)
    errors = agreement.kernel_errors(kernel, derived, size)
    errors |= agreement.forward_errors(tf.reshape(y, (-1, channels)), stats, gamma, beta, total)
    errors["forms"] = tf.reduce_max(tf.norm(derived.x - compact.x, axis=0) / size.x)

    samples = min(DIFFERENCE_SAMPLES, channels)
    rows = tf.random.stateless_uniform((samples,), seed, maxval=tf.shape(x)[0], dtype=tf.int32)
    at = tf.cast(tf.linspace(0, channels - 1, samples), tf.int32)
    pick = lambda tensor: tf.gather(tensor, at, axis=-1)  # noqa: E731 - a name for a phrase used six times
    slopes = batch_norm.central_differences(pick(x), pick(dy), pick(gamma), pick(beta), epsilon, rows, total)
    entries = total(tf.gather_nd(derived.x, tf.stack([rows, at], axis=1)))
    pairs = [
        (slopes.x, entries, size.x / tf.sqrt(stats.count)),  # an entry is smaller than its channel's norm
        (slopes.gamma, pick(derived.gamma), size.gamma),
        (slopes.beta, pick(derived.beta), size.beta),
    ]
    distances = [tf.reduce_max(tf.abs(slope - exact) / pick(scale)) for slope, exact, scale in pairs]
    errors["differences"] = tf.reduce_max(tf.stack(distances))
    return tf.stack([*(errors[field] for field in agreement.ERROR_FIELDS), stats.count])


@tf.function
def _local_errors(*arguments: Any) -> Any:
    """Return the errors of a norm over one replica; traced once for all layers of a shape."""
    return _errors(batch_norm.local_sum, *arguments)


def _synchronized_errors(*arguments: Any) -> Any:
    """Return the errors of a norm whose statistics are those of all replicas together."""
    context = tf.distribute.get_replica_context()
    return _errors(lambda tensor: context.all_reduce(tf.distribute.ReduceOp.SUM, tensor), *arguments)
