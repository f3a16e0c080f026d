"""What the two contenders that run on TensorFlow share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

from kresnet.runtime import import_tensorflow

import_tensorflow()

import tensorflow as tf  # noqa: E402

from benchmarks.jobs import Job  # noqa: E402
from benchmarks.peers import ring  # noqa: E402


def use_threads(threads: int) -> None:
    """Before anything runs: `threads` for the inside of an operation, and as many operations at once.

    A GPU's memory is taken as it is needed, so that several contenders fit on one.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("tensorflow", "keras")}


def training_data(job: Job) -> tf.data.Dataset:
    """The ring's batches in turn, for ever."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices(ring(job)).repeat().prefetch(2).with_options(options)


def image_batches(job: Job) -> Iterator[Any]:
    """The ring's images in turn, for ever: tensors on the host."""
    with tf.device("CPU:0"):
        return itertools.cycle([tf.constant(batch) for batch in ring(job)[0]])


def compiled(network: Any) -> Callable[[Any], Any]:
    """Inference as one graph, from uint8 images."""
    return tf.function(lambda images: network(tf.cast(images, tf.float32), training=False), jit_compile=False)


def product(side: int, precision: str, count: int = 1) -> Callable[[], None]:
    """See `benchmarks.worker.Peer.product`."""
    left, right = (tf.cast(tf.random.stateless_normal((side, side), (0, n)), precision) for n in (1, 2))
    multiply = tf.function(lambda: tf.reduce_sum(tf.cast(tf.matmul(left, right)[0], tf.float32)))

    def run() -> None:
        for _ in range(count):
            last = multiply()
        last.numpy()

    return run


class TensorFlowPeer:
    """What kresnet and stock Keras share; a contender sets `job` and, by one of its two starts, `_run`."""

    job: Job
    _run: Callable[[int], None]

    @property
    def on_gpu(self) -> bool:
        return bool(tf.config.list_physical_devices("GPU"))

    def versions(self) -> dict[str, str]:
        return versions()

    def start(self) -> None:
        if self.job.mode == "inference":
            self._start_inference()
        else:
            self._start_training()

    def run(self, steps: int) -> None:
        self._run(steps)

    def settle(self) -> None:
        self._run(2)

    def device_peak(self) -> int | None:
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if self.on_gpu else None

    def release(self) -> None:
        """TensorFlow keeps what it has taken."""

    def product(self, side: int, count: int) -> Callable[[], None]:
        return product(side, self.job.precision, count)
