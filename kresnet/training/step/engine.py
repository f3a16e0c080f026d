"""The engine of training: compiled steps, many in one call to the device, whose metrics stay there until read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kresnet.data.graph_mapping import map_graph
from kresnet.training.step.metric_sums import MetricSums
from kresnet.training.step.trainer import Trainer

if TYPE_CHECKING:
    from kresnet.probes.probe import Probe

#: Batches that wait on a GPU for their steps: one that is copied while another is at hand.
BATCHES_ON_GPU = 2

#: A probe's measurements in one replica: arrays by name.
Findings = dict[str, np.ndarray]


class Engine:
    """Runs a trainer's steps under a `tf.distribute` strategy, with TensorFlow's public API only.

    Keras's own `fit` fails with several workers, and with several steps per execution; this loop does not.

    Attributes:
        trainer: the trainer whose steps run.
        strategy: the strategy that they run under.
        workers: number of worker processes.
        metric_names: names of the metrics that `metrics` returns.
    """

    def __init__(self, trainer: Trainer, strategy: Any, workers: int = 1) -> None:
        """Make the engine of one process, of the `workers` processes that share the strategy."""
        self.trainer, self.strategy, self.workers = trainer, strategy, workers
        self._gpus = [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
        # Outside the strategy's scope: one plain variable each, added to between steps.
        self.metric_names = trainer.objective.metrics
        self.totals = {
            name: tf.Variable(0.0, dtype=tf.float64, trainable=False) for name in (*self.metric_names, "weight")
        }
        # Number of steps taken since `steps_taken` was last called, and whether all were finite.
        self.live = tf.Variable(True, trainable=False)
        self.taken = tf.Variable(0, dtype=tf.int64, trainable=False)
        #: From batches and an int32 scalar tensor: take so many steps, or those before the first that is not finite.
        #: int32, since a GPU's step counts on the host in that type alone, and with others would wait to be asked.
        self.train = tf.function(self._train_steps, reduce_retracing=True)
        self._test = tf.function(self._test_batch, reduce_retracing=True, autograph=False)
        self._test_keeping = tf.function(self._test_batch_keeping, reduce_retracing=True, autograph=False)
        self._probed_steps: dict[Probe, Any] = {}  # compiled when first asked for: a run may never ask

    def distribute(self, batches: tf.data.Dataset) -> Iterator[Any]:
        """Return an iterator over this process's slices of global batches, each split evenly among its replicas.

        Batches wait on the devices, where these are GPUs or several: see `buffers_batches`.
        """
        if self._gpus:
            batches = map_graph(batches, _widen_integers)
            if self.strategy.num_replicas_in_sync == 1:  # with several devices the strategy itself copies ahead
                batches = batches.apply(tf.data.experimental.prefetch_to_device(self._gpus[0], BATCHES_ON_GPU))
        if self.workers == 1:
            return iter(self.strategy.experimental_distribute_dataset(batches))
        replicas = self.strategy.num_replicas_in_sync // self.workers

        def split(*batch: Any) -> tf.data.Dataset:
            slices = [tf.reshape(each, (replicas, each.shape[0] // replicas, *each.shape[1:])) for each in batch]
            return tf.data.Dataset.from_tensor_slices(tuple(slices))

        local = batches if replicas == 1 else batches.flat_map(split)
        # Without an end, so that the workers need not ask each other before every batch whether one is left.
        return iter(self.strategy.distribute_datasets_from_function(lambda _: local.repeat()))

    @property
    def buffers_batches(self) -> bool:
        """Whether batches are copied to the devices ahead of the steps; on a single CPU the step takes them itself."""
        return self.strategy.num_replicas_in_sync > 1 or bool(self._gpus)

    def steps_taken(self) -> int:
        """Return how many steps were taken since this method was last called. Waits for the device."""
        taken = int(self.taken.numpy())
        self.taken.assign(0)
        self.live.assign(True)
        return taken

    def skip_step(self) -> None:
        """Count a step that was not taken in the schedule of the learning rate."""
        assert self.trainer.updates is not None
        self.trainer.updates.iterations.assign_add(1)

    def scale_learning_rate(self, scale: float) -> None:
        """Multiply the learning rate of the schedule by `scale` from now on."""
        assert self.trainer.updates is not None
        self.trainer.updates.rate_scale.assign(scale)

    def train_probed(self, batches: Iterator[Any], probe: Probe) -> list[Findings]:
        """Take one step that a probe measures, and return its measurements in each replica of this process."""
        if probe not in self._probed_steps:
            self._probed_steps[probe] = tf.function(partial(self._train_probed_step, probe=probe), autograph=False)
        return self._findings_by_replica(self._probed_steps[probe](next(batches)))

    def measure(self, batch: Any, probe: Probe) -> list[Findings]:
        """Return what `train_probed` returns, without updating the weights and without compiling anything."""

        def backward(images: Any, targets: Any, *weights: Any) -> dict[str, Any]:
            return self.trainer.backward(images, targets, probe, *weights).findings

        return self._findings_by_replica(self.strategy.run(backward, args=batch))

    def _findings_by_replica(self, findings: Mapping[str, Any]) -> list[Findings]:
        local = {name: self.strategy.experimental_local_results(value) for name, value in findings.items()}
        return [dict(zip(local, map(np.asarray, values), strict=True)) for values in zip(*local.values(), strict=True)]

    def metrics(self) -> dict[str, float]:
        """Return the means of loss and metrics since the last `reset_metrics`. Waits for the device."""
        weight = float(self.totals["weight"].numpy())
        return {name: float(self.totals[name].numpy()) / max(weight, 1.0) for name in self.metric_names}

    def reset_metrics(self) -> None:
        """Start the means that `metrics` returns anew."""
        for total in self.totals.values():
            total.assign(0.0)

    def evaluate(
        self, batches: tf.data.Dataset, batch_size: int, between: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Return the means of the loss and the other metrics over all images of a data set.

        Args:
            batches: this process's slices of the global batches. The last one may be short; each process must have the
                same number of them.
            batch_size: images in a whole global batch.
            between: called before each batch; it may raise.
        """
        return self.sum_metrics(batches, batch_size, between).means()

    def sum_metrics(
        self,
        batches: tf.data.Dataset,
        batch_size: int,
        between: Callable[[], None] = lambda: None,
        *,
        keep_outputs: bool = False,
    ) -> MetricSums:
        """Sum what `evaluate` gives the means of, and count how the images of each class were classified.

        Args:
            batches: as for `evaluate`.
            batch_size: as for `evaluate`.
            between: as for `evaluate`.
            keep_outputs: keep also what the network returned for each image of this process's slices, in order.
        """
        sums = MetricSums()
        size = batch_size // self.workers
        padded = self.distribute(batches.map(lambda images, targets: _pad_batch(images, targets, size)))
        for _ in range(int(batches.cardinality())):
            between()
            if not keep_outputs:
                sums.add(self._test(next(padded)))
                continue
            batch_sums, *examples = self._test_keeping(next(padded))
            sums.add(batch_sums)
            local = [self.strategy.experimental_local_results(values) for values in examples]
            outputs, targets, weights = (np.concatenate([np.asarray(part) for part in parts]) for parts in local)
            sums.keep(outputs[weights > 0], targets[weights > 0])
        return sums

    def learning_rate(self) -> float:
        """Return the learning rate of the last update."""
        assert self.trainer.updates is not None
        return float(self.trainer.updates.rate(tf.maximum(self.trainer.updates.iterations.read_value() - 1, 0)))

    def variables(self) -> list[Any]:
        """Return all variables that the next step depends on, in a fixed order: an exact resumption restores them."""
        assert self.trainer.updates is not None
        network = [variable.value for variable in self.trainer.network.variables]
        average = self.trainer.average.variables if self.trainer.average else []
        scale = self.trainer.loss_scale.variables if self.trainer.loss_scale else []
        ranges = self.trainer.quantization.variables if self.trainer.quantization else []
        return [*network, *self.trainer.updates.variables, *self.totals.values(), *average, *scale, *ranges]

    def state(self) -> dict[str, np.ndarray]:
        """Return the values of `variables`, each under its position as five digits."""
        return {key: tf.convert_to_tensor(variable).numpy() for key, variable in self._variables_by_key()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set `variables` to a saved `state`.

        Raises:
            ValueError: if the state is of another network, optimizer or version.
        """
        keyed = dict(self._variables_by_key())
        shapes = {key: tuple(variable.shape) for key, variable in keyed.items()}
        if shapes != {key: value.shape for key, value in state.items()}:
            raise ValueError("the saved variables are not those of this run's network and optimizer")
        for key, variable in keyed.items():
            variable.assign(state[key])

    def _variables_by_key(self) -> list[tuple[str, Any]]:
        return [(f"{index:05d}", variable) for index, variable in enumerate(self.variables())]

    def _train_steps(self, batches: Iterator[Any], count: Any) -> None:
        # AutoGraph converts this loop alone: all within takes it seconds, and needs none.
        step = tf.autograph.experimental.do_not_convert(self.trainer.train_step)
        for _ in tf.range(count):
            self._add_up(self.strategy.run(step, args=(next(batches), self.live.read_value())))

    def _train_probed_step(self, batch: Any, probe: Probe) -> dict[str, Any]:
        results = self.strategy.run(self.trainer.train_step, args=(batch, self.live.read_value(), probe))
        self._add_up(results)
        return results["findings"]

    @tf.autograph.experimental.do_not_convert
    def _add_up(self, results: Mapping[str, Any]) -> None:
        """Add a step's means to the totals, if it was taken: if it and all before it were finite."""
        taken = self.live.read_value() & self.strategy.experimental_local_results(results["finite"])[0]
        for name in self.metric_names:
            mean = self.strategy.reduce(tf.distribute.ReduceOp.MEAN, results[name], axis=None)
            self.totals[name].assign_add(tf.where(taken, tf.cast(mean, tf.float64), 0.0))
        self.totals["weight"].assign_add(tf.cast(taken, tf.float64))
        self.taken.assign_add(tf.cast(taken, tf.int64))
        self.live.assign(taken)

    def _test_batch(self, batch: Any) -> dict[str, Any]:
        return self._sum_over_replicas(self.strategy.run(self.trainer.test_step, args=(batch,)))

    def _test_batch_keeping(self, batch: Any) -> tuple[dict[str, Any], Any, Any, Any]:
        """Return the sums of a batch, and of each replica its outputs, its targets, and 0 where an image is padding."""
        sums, *examples = self.strategy.run(self.trainer.test_step_keeping, args=(batch,))
        return (self._sum_over_replicas(sums), *examples)

    def _sum_over_replicas(self, sums: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for name, value in sums.items()
        }


def _widen_integers(*batch: Any) -> tuple[Any, ...]:
    """Make int32 int64, which functions take on a GPU: int32 they take on the host, which would wait for each step."""
    return tuple(tf.cast(each, tf.int64) if each.dtype == tf.int32 else each for each in batch)


def _pad_batch(images: Any, targets: Any, batch_size: int) -> tuple[Any, Any, Any]:
    """Fill a batch up with images of weight 0: TensorFlow crashes if a replica gets none."""
    count = tf.shape(images)[0]
    missing = batch_size - count
    weights = tf.pad(tf.ones(count), [(0, missing)])
    filled = [tf.pad(each, [(0, missing)] + [(0, 0)] * (len(each.shape) - 1)) for each in (images, targets)]
    images, targets, weights = (tf.ensure_shape(each, (batch_size, *each.shape[1:])) for each in (*filled, weights))
    return images, targets, weights
