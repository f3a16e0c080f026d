"""Several devices of this machine compute what one does: all GPUs, and two logical devices of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check.norms import NormInput, NormOutput, judge_norm, norm_input, norm_result
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import FLOAT32
from kresnet.diagnostics.device_check.small_training import begin_training, judge_outcomes
from kresnet.graph.layers import FusedBatchNorm
from kresnet.probes.batch_norm_derivation import NormGradients

#: Memory of each logical GPU, in MiB.
_LOGICAL_MEMORY = 2048
#: How far update and losses may be apart in float32, relative: sums in another order, as with XLA.
_BOUND = 1e-4
#: Statistics of the global batch, so that how it is split changes nothing.
_SPEC = {"norm": {"kind": "batch", "synchronized": True}}


def check_all_gpus(context: DeviceContext) -> PartResult:
    """Train over all GPUs, and on the first of them."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus < 2:
        return PartResult("all-gpus", "skipped", {"GPUs": gpus}, "there are not two GPUs to train on together")
    return compare_with_one("all-gpus", gpus)[0]


def check_logical_devices(context: DeviceContext) -> Iterator[PartResult]:
    """Split a GPU, or the CPU without one, into two devices: train over both, and compare synchronised norms."""
    split_first_device()
    result, strategy = compare_with_one("two logical devices", 2)
    yield result
    for name, first, mean, deviation in (
        ("synchronised batch norm", 8, 1.0, 2.0),
        ("synchronised batch norm, an empty share", 0, 1.0, 2.0),
        ("synchronised batch norm, mean 100, deviation 0.05", 8, 100.0, 0.05),
    ):
        yield compare_synchronized(name, strategy, first, mean, deviation)


def split_first_device() -> None:
    """Split the only GPU, or the CPU where there is none, into two logical devices.

    MirroredStrategy adds up by its ring where there are more logical GPUs than GPUs; NCCL refuses to on one GPU.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_logical_device_configuration(
            gpus[0], [tf.config.LogicalDeviceConfiguration(memory_limit=_LOGICAL_MEMORY)] * 2
        )
    else:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def compare_with_one(name: str, devices: int) -> tuple[PartResult, Any]:
    """Take three steps on one device and on all; return the strategy of those too, since a process has but one."""
    batch = 32 * devices
    with FLOAT32.active():
        recipe = {"batch_size": batch, "xla": "off"}
        one, several = (
            begin_training(3, _SPEC, {**recipe, "distribution": distribution})
            for distribution in ("one_device", "mirrored")
        )
        of_one, of_several = one.finish(3), several.finish(3)
    remedy = "state it in the recipe: distribution: one_device"
    return judge_outcomes(name, of_one, of_several, _BOUND, remedy), several.engine.strategy


def compare_synchronized(
    name: str, strategy: Any, first: int, mean: float, deviation: float, layer: type[FusedBatchNorm] = FusedBatchNorm
) -> PartResult:
    """Compare a synchronised norm over two devices, of which the first has `first` of 16 images, with float64."""
    given = norm_input((16, 6, 6, 8), mean, deviation, "float32")
    figures: dict[str, float | str] = {}
    failures: list[str] = []
    judge_norm(FLOAT32, given, _on_two_devices(given, strategy, first, layer), figures, failures)
    return norm_result(name, figures, failures)


def _on_two_devices(given: NormInput, strategy: Any, first: int, layer: type[FusedBatchNorm]) -> NormOutput:
    with strategy.scope():
        norm = layer(momentum=0.0, epsilon=1e-5, synchronized=True)
        norm.build(given.x.shape)
        channels = given.x.shape[-1]
        norm.set_weights([given.gamma, given.beta, np.zeros(channels), np.ones(channels)])

    def step(x: Any, dy: Any) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = norm(x, training=True)
        return (y, *tape.gradient(y, [x, norm.gamma.value, norm.beta.value], output_gradients=dy))

    def split(array: np.ndarray) -> Any:
        shares = np.split(array, [first])
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(shares[context.replica_id_in_sync_group])
        )

    results = tf.function(lambda x, dy: strategy.run(step, args=(x, dy)))(split(given.x), split(given.dy))
    y, d_x, d_gamma, d_beta = (
        [each.numpy() for each in strategy.experimental_local_results(result)] for result in results
    )
    gradients = NormGradients(tf.constant(np.concatenate(d_x)), *(tf.constant(sum(each)) for each in (d_gamma, d_beta)))
    mean, variance = (tf.constant(np.asarray(each)) for each in (norm.moving_mean, norm.moving_variance))
    return NormOutput(np.concatenate(y), gradients, mean, variance)
