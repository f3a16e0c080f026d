"""Batch norms forward and backward on the device, against their derivation in float64 on the CPU.

Errors are measured as `kresnet check bn` does it (`kresnet.probes.batch_norm_agreement`): relative to the terms that a
gradient is a sum of, times 1 + |mean| / deviation, and beyond the rounding of what is returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check.operations import KERNEL_REMEDY
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import DevicePrecision
from kresnet.diagnostics.device_check.rounding import device_precisions, rounding_bound, training_device, unit_roundoff
from kresnet.graph.handlers import POLICIES
from kresnet.graph.layers import FusedBatchNorm
from kresnet.probes.batch_norm_agreement import KERNEL_ERROR_FIELDS, kernel_errors, term_sizes, tolerance
from kresnet.probes.batch_norm_derivation import NormGradients, batch_statistics, compact_form

_EPSILON = 1e-5
#: Of the large terms that cancel where a channel has one value.
_ROUNDINGS = 4.0


@dataclass(frozen=True, slots=True)
class NormInput:
    """What enters a batch norm: map `(N, H, W, C)`, slopes of the loss by the output, gamma and beta; float32."""

    x: np.ndarray
    dy: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True, slots=True)
class NormOutput:
    """What a batch norm returns: y, gradients, and the statistics of the batch as its moving ones show them."""

    y: Any
    gradients: NormGradients
    mean: Any
    variance: Any


def norm_input(shape: tuple[int, ...], mean: float, deviation: float, precision: str) -> NormInput:
    """Return random values of a mean and a deviation, exact in the given type."""
    random = np.random.default_rng(0)
    x, dy = (
        tf.cast(tf.cast(values, precision), tf.float32).numpy()
        for values in (random.normal(mean, deviation, shape), random.normal(size=shape))
    )
    gamma, beta = (random.normal(1.0, 0.3, shape[-1]).astype(np.float32) for _ in range(2))
    return NormInput(x, dy, gamma, beta)


def norm_errors(given: NormInput, found: NormOutput) -> dict[str, float]:
    """Return relative errors of output, gradients and statistics against float64; NaN where something is no number."""
    with tf.device("CPU:0"):
        channels = given.x.shape[-1]
        x, dy = (tf.constant(each.reshape(-1, channels), tf.float64) for each in (given.x, given.dy))
        gamma, beta = (tf.constant(each, tf.float64) for each in (given.gamma, given.beta))
        exact = batch_statistics(x, _EPSILON)
        gradients = found.gradients
        kernel = NormGradients(tf.reshape(gradients.x, (-1, channels)), gradients.gamma, gradients.beta)
        errors = kernel_errors(kernel, compact_form(exact, dy, gamma), term_sizes(exact, dy, gamma))
        size = 1.0 + tf.abs(exact.mean) * exact.inverse_std  # digits that x − mean loses
        y = gamma * exact.centred * exact.inverse_std + beta
        variance = tf.math.reduce_variance(x, 0)
        wide_y, wide_mean, wide_variance = (tf.cast(each, tf.float64) for each in (found.y, found.mean, found.variance))
        errors["y"] = tf.reduce_max(tf.norm(tf.reshape(wide_y, y.shape) - y, axis=0) / tf.norm(y, axis=0) / size)
        errors["mean"] = tf.reduce_max(tf.abs(wide_mean - exact.mean) * exact.inverse_std / size)
        errors["variance"] = tf.reduce_max(tf.abs(wide_variance - variance) / (variance + _EPSILON) / size)
    return {name: float(value) for name, value in errors.items()}


def norm_bound(field: str, precision: DevicePrecision, count: int) -> float:
    """Return the largest relative error that passes, for a norm over `count` values a channel."""
    if field in KERNEL_ERROR_FIELDS:
        return tolerance(field, count)
    return rounding_bound(precision, count) if field == "y" else tolerance("x", count)


@dataclass(frozen=True, slots=True)
class NormCase:
    """A batch norm to compare.

    Attributes:
        name: what it is called in the report.
        shape: shape of its input.
        mean, deviation: of the values.
        wide: whether only float32 tells such values apart.
        xla: whether XLA compiles it, as it does on GPUs in training.
    """

    name: str
    shape: tuple[int, ...]
    mean: float = 1.0
    deviation: float = 2.0
    wide: bool = False
    xla: bool = False


CASES = (
    NormCase("batch norm", (16, 14, 14, 64)),
    NormCase("batch norm by XLA", (16, 14, 14, 64), xla=True),
    NormCase("batch norm, mean 100, deviation 0.05", (16, 14, 14, 64), 100.0, 0.05, wide=True),
    NormCase("batch norm, mean 100, deviation 0.05, by XLA", (16, 14, 14, 64), 100.0, 0.05, wide=True, xla=True),
)


def check_norms(context: DeviceContext, layer: type[FusedBatchNorm] = FusedBatchNorm) -> Iterator[PartResult]:
    """Compare batch norms with their derivation: ordinary ones, far ones, of one value a channel, of no image."""
    precisions = [each for each in device_precisions() if not each.tf32]  # they have no products
    for case in CASES:
        yield compare_norm(case, precisions, layer)
    yield compare_single_value(precisions, layer)
    yield compare_empty_batch(precisions, layer)


def compare_norm(case: NormCase, precisions: Sequence[DevicePrecision], layer: type[FusedBatchNorm]) -> PartResult:
    """Compare a batch norm in each precision with float64."""
    figures: dict[str, float | str] = {}
    failures: list[str] = []
    for precision in precisions[: 1 if case.wide else None]:
        given = norm_input(case.shape, case.mean, case.deviation, precision.recipe)
        found = on_device(given, precision, layer, case.xla)
        judge_norm(precision, given, found, figures, failures)
    return norm_result(case.name, figures, failures)


def judge_norm(
    precision: DevicePrecision,
    given: NormInput,
    found: NormOutput,
    figures: dict[str, float | str],
    failures: list[str],
) -> None:
    """Add the error that is largest beside its bound to the figures, and those beyond theirs to the failures."""
    count = given.x[..., 0].size
    errors = norm_errors(given, found)
    bounds = {field: norm_bound(field, precision, count) for field in errors}
    worst = max(errors, key=lambda field: (np.isnan(errors[field]), errors[field] / bounds[field]))
    figures[f"{precision.name} {_FIELDS[worst]}"], figures[f"{precision.name} bound"] = errors[worst], bounds[worst]
    failures += [
        f"{_FIELDS[field]} in {precision.name} is off by {errors[field]:.1e}, of at most {bounds[field]:.1e}"
        for field in errors
        if not errors[field] <= bounds[field]
    ]


#: Fields of an error in words.
_FIELDS = {"x": "dL/dx", "gamma": "dL/dgamma", "beta": "dL/dbeta", "y": "y", "mean": "mean", "variance": "variance"}


def norm_result(name: str, figures: dict[str, float | str], failures: Sequence[str]) -> PartResult:
    """Return a passed or a failed result."""
    if failures:
        return PartResult(name, "failed", figures, "; ".join(failures), KERNEL_REMEDY)
    return PartResult(name, "passed", figures)


def compare_single_value(precisions: Sequence[DevicePrecision], layer: type[FusedBatchNorm]) -> PartResult:
    """Normalise one value a channel: y is beta, nothing flows back to x, and the variance is 0 and a number.

    cuDNN computes y as x·s + (beta − mean·s) with s = gamma/√ε: both terms are large, and each is rounded. So is what
    of dL/dx cancels, dy·s. Each may be off by a few roundings of the largest term, and y by one of its type's.
    """
    figures: dict[str, float | str] = {}
    failures: list[str] = []
    for precision in precisions:
        given = norm_input((1, 1, 1, 8), 1.0, 2.0, precision.recipe)
        found = on_device(given, precision, layer)
        beta = tf.cast(tf.cast(given.beta, precision.recipe), tf.float32)
        expected = {"y": (found.y, beta), "dL/dx": (found.gradients.x, 0.0), "dL/dgamma": (found.gradients.gamma, 0.0)}
        expected |= {"dL/dbeta": (found.gradients.beta, given.dy), "variance": (found.variance, 0.0)}
        differences = {
            field: float(tf.reduce_max(tf.abs(tf.cast(tf.squeeze(one), tf.float32) - tf.squeeze(other))))
            for field, (one, other) in expected.items()
        }
        scale, y_size = np.abs(given.gamma) / np.sqrt(_EPSILON), np.abs(given.beta).max()
        bounds = dict.fromkeys(expected, 1e-6)
        bounds["y"] += _ROUNDINGS * float((scale * np.abs(given.x).reshape(-1)).max()) * 2.0**-24
        bounds["y"] += float(y_size) * 2.0 * unit_roundoff(precision)
        bounds["dL/dx"] += _ROUNDINGS * float((scale * np.abs(given.dy).reshape(-1)).max()) * 2.0**-24
        ratios = {field: differences[field] / bounds[field] for field in expected}
        worst = max(ratios, key=lambda field: (np.isnan(ratios[field]), ratios[field]))
        figures |= {f"{precision.name} {worst}": differences[worst], f"{precision.name} bound": bounds[worst]}
        if not ratios[worst] <= 1.0:
            failures.append(f"{worst} in {precision.name} is off by {differences[worst]:.1e}")
    return norm_result("batch norm of one value a channel", figures, failures)


def compare_empty_batch(precisions: Sequence[DevicePrecision], layer: type[FusedBatchNorm]) -> PartResult:
    """Normalise no image, as a replica without a share does: nothing moves, and gradients are zero."""
    failures: list[str] = []
    for precision in precisions:
        given = norm_input((0, 4, 4, 8), 1.0, 2.0, precision.recipe)
        found = on_device(given, precision, layer)
        zeros = [found.gradients.gamma, found.gradients.beta, found.mean, found.variance - 1.0]
        if found.y.shape[0] or any(np.asarray(each).any() for each in zeros):  # NaN counts as true
            failures.append(f"in {precision.name} an empty batch moves the statistics or has a gradient")
    return norm_result("batch norm of an empty batch", {}, failures)


def on_device(
    given: NormInput, precision: DevicePrecision, layer: type[FusedBatchNorm], xla: bool = False
) -> NormOutput:
    """Run a batch norm forward and backward on the device that a run trains on.

    Its moving statistics become those of the batch, and stay 0 and 1 where there is none.
    """
    with tf.device(training_device()):
        norm = layer(momentum=0.0, epsilon=_EPSILON, dtype=POLICIES[precision.recipe])
        norm.build(given.x.shape)
        channels = given.x.shape[-1]
        norm.set_weights([given.gamma, given.beta, np.zeros(channels), np.ones(channels)])
        norm.fused = not xla
        x, dy = (tf.cast(tf.constant(each), precision.recipe) for each in (given.x, given.dy))

        @tf.function(jit_compile=xla)
        def both_ways(x: Any, dy: Any) -> tuple[Any, list[Any]]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = norm(x, training=True)
            return y, tape.gradient(y, [x, norm.gamma.value, norm.beta.value], output_gradients=dy)

        y, gradients = both_ways(x, dy)
    return NormOutput(
        y, NormGradients(*gradients), tf.identity(norm.moving_mean.value), tf.identity(norm.moving_variance.value)
    )
