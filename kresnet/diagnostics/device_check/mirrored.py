"""Several devices of this machine compute what one does: all GPUs, and two logical devices of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check.norms import NormInput, NormOutput, judge_norm, norm_input, norm_result
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import Numbers, float32_products
from kresnet.diagnostics.device_check.small_training import judge_outcomes, train
from kresnet.distributed.devices import make_strategy
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
        return PartResult("all_gpus", "skipped", {"GPUs": gpus}, "there are not two GPUs to train on together")
    return compare_with_one("all_gpus", gpus)


def check_logical_devices(context: DeviceContext) -> Iterator[PartResult]:
    """Split a GPU, or the CPU where there is none, into two devices: train over both, and compare synchronised norms."""
    split_first_device()
    yield compare_with_one("two logical devices", 2)
    for name, first, mean, deviation in (
        ("synchronised batch norm", 8, 1.0, 2.0),
        ("synchronised batch norm, an empty share", 0, 1.0, 2.0),
        ("synchronised batch norm, mean 100, deviation 0.05", 8, 100.0, 0.05),
    ):
        yield compare_synchronized(name, first, mean, deviation)


def split_first_device() -> None:
    """Split the first GPU, or the CPU where there is none, into two logical devices; other GPUs are hidden."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[:1], "GPU")
        tf.config.set_logical_device_configuration(
            gpus[0], [tf.config.LogicalDeviceConfiguration(memory_limit=_LOGICAL_MEMORY)] * 2
        )
    else:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def compare_with_one(name: str, devices: int) -> PartResult:
    """Take three steps on one device and on all."""
    batch = 32 * devices
    with float32_products(False):
        recipe = {"batch_size": batch, "xla": "off"}
        one, all_of_them = (
            train(3, _SPEC, {**recipe, "distribution": distribution}) for distribution in ("one_device", "mirrored")
        )
    return judge_outcomes(name, one, all_of_them, _BOUND, "train on one device: --set recipe.distribution=one_device")


def compare_synchronized(
    name: str, first: int, mean: float, deviation: float, layer: type[FusedBatchNorm] = FusedBatchNorm
) -> PartResult:
    """Compare a synchronised norm over two devices, of which the first has `first` of 16 images, with float64."""
    numbers = Numbers("float32", "float32")
    given = norm_input((16, 6, 6, 8), mean, deviation, "float32")
    figures: dict[str, float | str] = {}
    failures: list[str] = []
    judge_norm(numbers, given, _on_two_devices(given, first, layer), figures, failures)
    return norm_result(name, figures, failures)


def _on_two_devices(given: NormInput, first: int, layer: type[FusedBatchNorm]) -> NormOutput:
    strategy = make_strategy("mirrored")
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
