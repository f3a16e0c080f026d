"""kresnet's own `train_step`: loss, gradients, their sum over replicas, clipping, update, metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kresnet.training.averaging import Average
from kresnet.training.clipping import Clip
from kresnet.training.losses import Loss, Softmax
from kresnet.training.optimizers import Optimizer

if TYPE_CHECKING:
    from kresnet.analysis.probe import Probe


@dataclass(frozen=True, slots=True)
class Backward:
    """What one replica knows after a backward pass.

    Attributes:
        outputs: of the network.
        loss: float32 scalar, the mean over this replica's images.
        global_loss: float32 scalar, the mean over the global batch.
        gradients: of the trainable weights, summed over the replicas.
        findings: a probe's measurements; empty without one.
    """

    outputs: Any
    loss: Any
    global_loss: Any
    gradients: list[Any]
    findings: dict[str, Any]


class Trainer(keras.Model):
    """A network with what it takes to train it.

    `train_step` and `test_step` run in replica context, on one replica's share of a global batch.

    Attributes:
        network: takes pixel values `(n, H, W, C)`, or vectors, and returns what the loss compares with targets.
        loss: what to make small, and what to measure.
        clip: what is done about large gradients; None for nothing.
        average: the running average of the weights, which is then what is evaluated; None for none.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        loss: Loss | None = None,
        clip: Clip | None = None,
        average: Average | None = None,
    ) -> None:
        super().__init__(name=f"train_{network.name}")
        self.network = network
        self.objective, self.clip, self.average = loss or Softmax(), clip, average
        self.updates: Optimizer | None = None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.network(inputs, training=training)

    def train_step(self, data: tuple[Any, Any], live: Any = True) -> dict[str, Any]:
        """One update, unless the loss or a gradient is not finite: then everything stays as it was before the step.

        Args:
            data: images `(n, H, W, C)` of any real type, and what the loss takes for targets.
            live: bool scalar; False also leaves everything as it was.

        Returns:
            `loss` and the other metrics, float32 scalars: means over the `n` images; and the bool scalar `finite`, the
            same on every replica.
        """
        return self._step(data, live, None)[0]

    def probed_step(self, data: tuple[Any, Any], live: Any, probe: Probe) -> tuple[dict[str, Any], dict[str, Any]]:
        """`train_step` that looks inside: also returns what `probe` found in this very step."""
        return self._step(data, live, probe)

    def _step(self, data: tuple[Any, Any], live: Any, probe: Probe | None) -> tuple[dict[str, Any], dict[str, Any]]:
        images, labels = data
        moving = [variable.value for variable in self.network.non_trainable_variables]
        before = [tf.convert_to_tensor(variable) for variable in moving]
        passed = self.backward(images, labels, probe)
        norm = tf.linalg.global_norm(passed.gradients)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(passed.global_loss)

        def put_back() -> None:
            for variable, value in zip(moving, before, strict=True):
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)

        tf.cond(finite & live, lambda: self._update(passed.gradients, norm), put_back)
        scores = self.objective.scores(passed.outputs, labels)
        means = {name: tf.reduce_mean(values) for name, values in scores.items()}
        return {"loss": passed.loss, **means, "finite": finite}, passed.findings

    def backward(self, images: Any, targets: Any, probe: Probe | None = None) -> Backward:
        """A forward pass in training mode and its backward pass; moving statistics move, weights do not.

        Args:
            images: `(n, H, W, C)` of any real type.
            targets: what the loss takes.
            probe: what to measure; the network is then run layer by layer.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        images = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            if probe:
                tape.watch(images)  # a first block may read them
            passage = probe.forward(images) if probe else None
            outputs = probe.outputs(passage) if probe and passage else self.network(images, training=True)
            loss = tf.reduce_mean(self.objective.of(outputs, targets))
            shared = loss / replicas
        watched = probe.watched(passage) if probe and passage else {}
        weights = [weight.value for weight in self.network.trainable_variables]
        backward = tape.gradient(shared, [*weights, *watched.values()])
        local, inside = backward[: len(weights)], dict(zip(watched, backward[len(weights) :], strict=True))
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [*local, shared]) if replicas > 1 else [*local, shared]
        *gradients, global_loss = summed
        findings = probe.findings(passage, inside, local, gradients) if probe and passage else {}
        return Backward(outputs, loss, global_loss, gradients, findings)

    def _update(self, gradients: list[Any], norm: Any) -> None:
        if self.clip is not None:  # of the whole batch's gradient, hence after the sum
            gradients = self.clip.apply(gradients, self.network.trainable_variables, norm)
        assert self.updates is not None
        self.updates.apply(gradients)
        if self.average is not None:
            self.average.update(self.updates.iterations.read_value())

    def test_step(self, data: tuple[Any, Any, Any]) -> dict[str, Any]:
        """Sums over a batch, for means over a whole data set.

        Args:
            data: images `(n, H, W, C)`, targets, and float32 weights `(n,)`: 0 for padding, else 1.

        Returns:
            Weighted sums of the loss and the other metrics, and their `weight`, float32 scalars; and the `tally` of
            classes, where the loss has one.
        """
        images, targets, weights = data
        network = self.average.network if self.average else self.network
        outputs = network(tf.cast(images, tf.float32), training=False)
        losses = {"loss": self.objective.of(outputs, targets, training=False)}
        values = losses | self.objective.scores(outputs, targets, detailed=True)
        sums = {name: tf.reduce_sum(value * weights) for name, value in values.items()}
        tally = self.objective.tally(outputs, targets, weights)
        return sums | {"weight": tf.reduce_sum(weights)} | ({} if tally is None else {"tally": tally})
