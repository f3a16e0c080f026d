"""kresnet's own `train_step`: loss, gradients, their sum over replicas, clipping, update, metrics."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kresnet.graph.fake_quantization import FakeQuantization
from kresnet.graph.layers import FusedBatchNorm, assign_locally
from kresnet.training.step.accumulation import accumulate
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import GradientClipping
from kresnet.training.step.distillation import Distillation
from kresnet.training.step.loss_scale import LossScale
from kresnet.training.step.losses import LossFunction, SoftmaxCrossEntropy
from kresnet.training.step.metric_sums import sum_batch
from kresnet.training.step.optimizers import FusedOptimizer, LearningRate
from kresnet.training.step.xla import CompiledPass, CompiledUpdate

if TYPE_CHECKING:
    from kresnet.probes.probe import Probe


@dataclass(frozen=True, slots=True)
class Backward:
    """What one replica knows after a backward pass.

    Attributes:
        outputs: outputs of the network.
        loss: float32 scalar, the mean over this replica's images.
        global_loss: float32 scalar, the mean over the global batch.
        gradients: gradients of the trainable weights, summed over the replicas.
        findings: a probe's measurements; empty without one.
    """

    outputs: Any
    loss: Any
    global_loss: Any
    gradients: list[Any]
    findings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PassResult:
    """One replica's forward and backward pass over some of its images.

    Attributes:
        outputs: what the network returns for the images.
        loss: float32 scalar, the mean over these images.
        gradients: gradients of this replica's part of the mean loss of the global batch, one a trainable weight.
        findings: makes a probe's measurements of gradients summed over the replicas; None without a probe.
        probed_gradients: the gradients that `findings` takes before they are summed, where they are not `gradients`.
    """

    outputs: Any
    loss: Any
    gradients: list[Any]
    findings: Callable[[list[Any]], dict[str, Any]] | None = None
    probed_gradients: list[Any] | None = None


class Trainer:
    """A network with what it takes to train it.

    `train_step` and `test_step` run in replica context, on one replica's share of a global batch.

    Attributes:
        network: takes pixel values `(n, H, W, C)`, or vectors, and returns what the loss compares with targets.
        objective: the loss to make small, and the metrics to measure.
        clip: what is done about large gradients; None for nothing.
        average: the running average of the weights, which is then what is evaluated; None for none.
        accumulate_steps: number of equal parts in which a replica works through its share of a batch, one by one.
        loss_scale: scales the loss of a network that computes in float16; None for other types.
        forward: the network in training mode, from float32 images to what it returns.
        quantization: the rounding of weights and activations, from update `quantize_from` on; None for none.
        compiled: forward and backward pass as XLA compiles them, for steps that are not probed; None without XLA.
        compiled_update: the update as XLA compiles it, for steps of one replica; None without XLA.
        updates: the optimizer, set once the network's weights are known.
        distillation: what is learned from a teacher, set once the network is there; None for nothing.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        loss: LossFunction | None = None,
        clip: GradientClipping | None = None,
        average: WeightAverage | None = None,
        accumulate_steps: int = 1,
        loss_scale: LossScale | None = None,
        forward: Callable[[Any], Any] | None = None,
        xla: bool = False,
        quantization: FakeQuantization | None = None,
        quantize_from: int = 0,
    ) -> None:
        self.network, self.quantization, self.quantize_from = network, quantization, quantize_from
        self.objective, self.clip, self.average = loss or SoftmaxCrossEntropy(), clip, average
        self.accumulate_steps, self.loss_scale = accumulate_steps, loss_scale
        self.forward = self._rounded_forward if quantization else forward or partial(network, training=True)
        self._norms = [layer for layer in network.layers if isinstance(layer, FusedBatchNorm)]
        for norm in self._norms:
            norm.averages = False  # but all at once, in `_sum_over_replicas`
        self.compiled = CompiledPass(network, self.objective) if xla else None
        self.compiled_update = CompiledUpdate(self._update, self._updated_variables) if xla else None
        self.updates: FusedOptimizer | None = None
        self.distillation: Distillation | None = None
        self._replica_pass = self._forward_backward if accumulate_steps == 1 else self._accumulated_passes

    @property
    def evaluated_network(self) -> keras.Model:
        """The network that is evaluated and kept: the average of the weights where there is one."""
        return self.average.network if self.average else self.network

    @property
    def activation_ranges(self) -> dict[str, tuple[float, float]]:
        """The ranges of activations by layer, of a network trained for integers; none before its rounding began."""
        rounding = self.quantization
        return rounding.values() if rounding and int(rounding.seen.numpy()) else {}

    def with_learning_rate(self, rate: LearningRate) -> Trainer:
        """Return a trainer of the same network and state, whose updates take another learning rate.

        Args:
            rate: function from the step to the learning rate.
        """
        assert self.updates is not None
        other = copy(self)
        other.updates = self.updates.with_learning_rate(rate)
        if self.compiled_update:  # what XLA has compiled holds the rate that it was traced with
            other.compiled_update = CompiledUpdate(other._update, other._updated_variables)
        return other

    def train_step(self, data: tuple[Any, ...], live: Any = True, probe: Probe | None = None) -> dict[str, Any]:
        """Make one update, unless the loss or a gradient is not finite: then everything stays as it was.

        A gradient that a loss scale may have made overflow is not held against the step: it counts as finite, the scale
        falls, and all else stays as it was.

        Args:
            data: images `(n, H, W, C)` of any real type, and what the loss takes for targets; and float32 weights
                `(n,)`, what each image's loss is multiplied by, if there are any.
            live: bool scalar; False also leaves everything as it was.
            probe: what to measure inside the step; the network is then run layer by layer.

        Returns:
            `loss` and the other metrics, float32 scalars: means over the `n` images, of the losses with their weights;
            the bool scalar `finite`, the same on every replica; and with a probe `findings`, its measurements by name.
        """
        images, targets, *weights = data
        moving = [variable.value for variable in self.network.non_trainable_variables]
        moving += self.quantization.variables if self.quantization else []
        before = [tf.convert_to_tensor(variable) for variable in moving]
        result = self._sum_over_replicas(self._replica_pass(tf.cast(images, tf.float32), targets, probe, *weights))
        if self.compiled_update and tf.distribute.get_replica_context().num_replicas_in_sync == 1:
            finite = self.compiled_update(result.gradients, result.global_loss, live, moving, before)
        else:
            finite = self._update_if_finite(result, live, moving, before)
        if self.loss_scale:
            finite |= self.loss_scale.update(finite, live) & tf.math.is_finite(result.global_loss)
        scores = self.objective.example_metrics(result.outputs, targets)
        means = {name: tf.reduce_mean(values) for name, values in scores.items()}
        return {"loss": result.loss, **means, "finite": finite} | ({"findings": result.findings} if probe else {})

    def backward(self, images: Any, targets: Any, probe: Probe | None = None, weights: Any = None) -> Backward:
        """Run a forward pass in training mode and its backward pass; moving statistics move, weights do not.

        Args:
            images: `(n, H, W, C)` of any real type.
            targets: what the loss takes.
            probe: what to measure; the network is then run layer by layer.
            weights: float32 `(n,)`, what each image's loss is multiplied by; None for 1.
        """
        return self._sum_over_replicas(self._replica_pass(tf.cast(images, tf.float32), targets, probe, weights))

    def _sum_over_replicas(self, local: PassResult) -> Backward:
        """Sum the gradients of all replicas, average their losses and moving statistics; measure what a probe wants.

        Statistics and loss go as one vector: there are two for each norm, and a collective costs more than its values.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        sum_up = partial(context.all_reduce, tf.distribute.ReduceOp.SUM) if replicas > 1 else list
        gradients, global_loss = local.gradients, local.loss
        if replicas > 1:
            moved = self._moved_apart()
            packed = tf.concat([[local.loss], *(tf.convert_to_tensor(each.value) for each in moved)], 0)
            *gradients, packed = sum_up([*local.gradients, packed])
            losses, *means = tf.split(packed / replicas, [1, *(each.shape[0] for each in moved)])
            global_loss = losses[0]
            for statistic, mean in zip(moved, means, strict=True):
                assign_locally(statistic, mean)
        findings = {}
        if local.findings:
            probed = gradients if local.probed_gradients is None else sum_up(local.probed_gradients)
            findings = local.findings(probed)
        return Backward(local.outputs, local.loss, global_loss, gradients, findings)

    def _moved_apart(self) -> list[keras.Variable]:
        """Return the moving statistics that each replica has moved by its own share of the batch."""
        norms = [norm for norm in self._norms if norm.trainable and not norm.synchronized]
        return [statistic for norm in norms for statistic in (norm.moving_mean, norm.moving_variance)]

    @tf.autograph.experimental.do_not_convert
    def _accumulated_passes(self, images: Any, targets: Any, probe: Probe | None, weights: Any = None) -> PassResult:
        """Pass over a replica's images in parts, one after the other; the last part is probed."""
        parts, replicas = self.accumulate_steps, tf.distribute.get_replica_context().num_replicas_in_sync
        passes: list[PassResult] = []

        def pass_over(images: Any, targets: Any, weights: Any = None) -> tuple[Any, list[Any]]:
            last = len(passes) == parts - 1
            passes.append(self._forward_backward(images, targets, probe if last else None, weights))
            return passes[-1].outputs, [passes[-1].loss / parts, *passes[-1].gradients]

        zeros = [tf.zeros(()), *(tf.zeros_like(weight.value) for weight in self.network.trainable_variables)]
        unroll = replicas > 1 or probe is not None
        batch = (images, targets) if weights is None else (images, targets, weights)
        outputs, (loss, *gradients) = accumulate(pass_over, batch, parts, zeros, unroll=unroll)
        outputs = tf.ensure_shape(outputs, (images.shape[0], *passes[-1].outputs.shape[1:]))
        return PassResult(outputs, loss, gradients, passes[-1].findings, passes[-1].gradients)

    def _forward_backward(self, images: Any, targets: Any, probe: Probe | None, weights: Any = None) -> PassResult:
        """Pass over some images at once, forward and back."""
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        fraction = 1.0 / (replicas * self.accumulate_steps)  # of the global batch's mean loss
        if self.compiled and not probe:
            factor = self.loss_scale.scale_loss(fraction) if self.loss_scale else fraction
            outputs, loss, gradients = self.compiled(images, targets, factor, weights)
            return PassResult(
                outputs, loss, self.loss_scale.unscale_gradients(gradients) if self.loss_scale else gradients
            )
        teacher = self.distillation
        taught = teacher.teach(images) if teacher else None
        with tf.GradientTape() as tape:
            if probe:
                tape.watch(images)  # a first block may read them
            replayed, compared = probe.forward(images) if probe else None, None
            if probe and replayed:
                outputs = probe.outputs(replayed)
                named = teacher.student_record if teacher else None
                compared = replayed.outputs[named] if named else outputs
            elif teacher:
                outputs, compared = teacher.forward(images, self.forward)
            else:
                outputs = self.forward(images)
            loss = self.objective.mean_loss(outputs, targets, weights)
            loss = teacher.mix(loss, compared, taught) if teacher else loss
            target = self.loss_scale.scale_loss(loss * fraction) if self.loss_scale else loss * fraction
        watched = probe.watched_tensors(replayed) if probe and replayed else {}
        trained = [weight.value for weight in self.network.trainable_variables]
        backward = tape.gradient(target, [*trained, *watched.values()])
        if self.loss_scale:
            backward = self.loss_scale.unscale_gradients(backward)
        local, inside = backward[: len(trained)], dict(zip(watched, backward[len(trained) :], strict=True))
        findings = partial(probe.findings, replayed, inside, local) if probe and replayed else None
        return PassResult(outputs, loss, local, findings)

    def _update_if_finite(self, result: Backward, live: Any, moving: list[Any], before: list[Any]) -> Any:
        """Make the update, or put the moving statistics back; return whether loss and gradients are finite."""
        norm = tf.linalg.global_norm(result.gradients)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(result.global_loss)

        def put_back() -> None:
            for variable, value in zip(moving, before, strict=True):
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)

        tf.cond(finite & live, lambda: self._update(result.gradients, norm), put_back)
        return finite

    def _updated_variables(self) -> list[Any]:
        """Return what `_update` changes."""
        assert self.updates is not None
        weights = [weight.value for weight in self.network.trainable_variables]
        return [*weights, *self.updates.variables, *(self.average.variables if self.average else [])]

    def _update(self, gradients: list[Any], norm: Any) -> None:
        if self.clip is not None:  # of the whole batch's gradient, hence after the sum
            gradients = self.clip.apply(gradients, self.network.trainable_variables, norm)
        assert self.updates is not None
        self.updates.apply(gradients)
        if self.average is not None:
            self.average.update(self.updates.iterations.read_value())

    def test_step(self, data: tuple[Any, Any, Any]) -> dict[str, Any]:
        """Sum the loss and the other metrics over a batch, for means over a whole data set.

        Args:
            data: images `(n, H, W, C)`, targets, and float32 weights `(n,)`: 0 for padding, else 1.

        Returns:
            What `sum_batch` returns.
        """
        return self.test_step_keeping(data)[0]

    def test_step_keeping(self, data: tuple[Any, Any, Any]) -> tuple[dict[str, Any], Any, Any, Any]:
        """Return what `test_step` returns, the network's outputs in float32, and the batch's targets and weights."""
        images, targets, weights = data
        outputs = self._evaluate(tf.cast(images, tf.float32))
        return sum_batch(self.objective, outputs, targets, weights), tf.cast(outputs, tf.float32), targets, weights

    def _rounded_forward(self, images: Any) -> Any:
        """The network in training mode, rounded where rounding has begun."""
        rounding = self.quantization
        assert rounding
        assert self.updates is not None
        return tf.cond(
            self.updates.iterations.read_value() >= self.quantize_from,
            lambda: rounding.run(self.network, images, training=True),
            lambda: self.network(images, training=True),
        )

    def _evaluate(self, images: Any) -> Any:
        """What is evaluated, rounded once ranges are known."""
        network, rounding = self.evaluated_network, self.quantization
        if rounding is None:
            return network(images, training=False)
        return tf.cond(
            rounding.seen > 0,
            lambda: rounding.run(network, images, training=False),
            lambda: network(images, training=False),
        )
