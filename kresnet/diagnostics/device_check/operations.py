"""Layers forward and backward on the device, against float64 on the CPU, in every precision that the device has.

`rounding` says how far a kernel may be from it. What enters bfloat16 and float16 kernels is exact in both types, so
that one reference does for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check import float64_reference as reference
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import DevicePrecision
from kresnet.diagnostics.device_check.rounding import device_precisions, rounding_bound, training_device
from kresnet.graph.handlers import POLICIES
from kresnet.graph.layers import Conv2D, IdentityPad, StochasticDepth
from kresnet.training.step.losses import SoftmaxCrossEntropy

#: What to do about a kernel that computes something else.
KERNEL_REMEDY = "try another version of the driver or of TensorFlow, and train on the CPU until then"

Tensors = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckedLayer:
    """A layer, and the same in float64.

    Attributes:
        name: what it is called in the report.
        shape: shape of the input, with the batch.
        make: makes the layer of a Keras policy; what it returns maps a tensor to a tensor and may have weights.
        reference: the same of float64 tensors: input, and a list of the weights.
        terms: the most values that one value of the output or of a gradient is a sum of.
        distinct: whether the input must be without equal neighbours, among which a maximum would be arbitrary.
    """

    name: str
    shape: tuple[int, ...]
    make: Callable[[str], Any]
    reference: Callable[[Any, Sequence[Any]], Any]
    terms: int
    distinct: bool = False


def convolution(
    name: str, kernel: int, channels: int, filters: int, *, side: int = 14, layer: Any = Conv2D, **settings: int
) -> CheckedLayer:
    """Return a convolution of kresnet's, without a bias, on eight maps."""

    def make(policy: str) -> Any:
        arguments = {"strides": settings.get("stride", 1), "dilation_rate": settings.get("dilation", 1)}
        arguments |= {"groups": settings.get("groups", 1)}
        return layer(filters, kernel, padding="same", use_bias=False, dtype=policy, **arguments)

    def exact(x: Any, weights: Sequence[Any]) -> Any:
        return reference.convolve(x, weights[0], **settings)

    terms = max(kernel**2 * channels, kernel**2 * filters, 8 * side**2)
    return CheckedLayer(name, (8, side, side, channels), make, exact, terms)


def operations() -> list[CheckedLayer]:
    """Return the layers of residual networks, those aside that depend on the batch or on chance."""
    labels = tf.range(64, dtype=tf.int32)
    return [
        convolution("convolution 7x7, stride 2", 7, 3, 64, side=32, stride=2),
        convolution("convolution 3x3", 3, 32, 64),
        convolution("convolution 3x3, stride 2", 3, 32, 64, stride=2),
        convolution("convolution 1x1", 1, 64, 128),
        convolution("convolution 1x1, stride 2", 1, 64, 128, stride=2),
        convolution("grouped convolution", 3, 64, 64, groups=8),
        convolution("dilated convolution", 3, 32, 32, dilation=2),
        CheckedLayer(
            "option A shortcut", (8, 14, 14, 32), lambda policy: IdentityPad(64, 2, dtype=policy),
            lambda x, _: reference.option_a(x, 64, 2), 1,
        ),
        CheckedLayer(
            "max pooling", (8, 16, 16, 32), lambda policy: keras.layers.MaxPooling2D(3, 2, "same", dtype=policy),
            lambda x, _: reference.max_pool(x, 3, 2), 9, distinct=True,
        ),
        CheckedLayer(
            "average pooling", (8, 7, 7, 64), lambda policy: keras.layers.GlobalAveragePooling2D(dtype=policy),
            lambda x, _: tf.reduce_mean(x, (1, 2)), 49,
        ),
        CheckedLayer(
            "dense", (64, 256), lambda policy: keras.layers.Dense(100, dtype=policy),
            lambda x, weights: x @ weights[0] + weights[1], 256,
        ),
        CheckedLayer(
            "softmax loss", (64, 100),
            lambda _: lambda x: SoftmaxCrossEntropy().mean_loss(tf.cast(x, tf.float32), labels),
            lambda x, _: reference.softmax_loss(x, labels), 100,
        ),
    ]  # fmt: skip


def check_operations(context: DeviceContext, layers: Sequence[CheckedLayer] | None = None) -> Iterator[PartResult]:
    """Compare each layer with its definition in float64, in every precision of the device."""
    precisions = device_precisions()
    for layer in operations() if layers is None else layers:
        yield compare(layer, precisions)
    if layers is None:
        yield compare_stochastic_depth(precisions)


def compare(operation: CheckedLayer, precisions: Sequence[DevicePrecision]) -> PartResult:
    """Run one layer in each precision; return its largest relative error in each, beside the bound."""
    figures: dict[str, float | str] = {}
    failures: list[str] = []
    references: dict[bool, tuple[Tensors, Tensors]] = {}
    for precision in precisions:
        coarse = precision.recipe != "float32"
        if coarse not in references:
            references[coarse] = _in_float64(operation, coarse)
        given, exact = references[coarse]
        errors = {name: relative_error(value, exact[name]) for name, value in _on_device(operation, precision, given)}
        bound = rounding_bound(precision, operation.terms)
        worst = max(errors, key=lambda name: (np.isnan(errors[name]), errors[name]))
        figures[precision.name], figures[f"{precision.name} bound"] = errors[worst], bound
        if not errors[worst] <= bound:
            failures.append(f"{worst} in {precision.name} is off by {errors[worst]:.1e}, of at most {bound:.1e}")
    if failures:
        return PartResult(operation.name, "failed", figures, "; ".join(failures), KERNEL_REMEDY)
    return PartResult(operation.name, "passed", figures)


def compare_stochastic_depth(precisions: Sequence[DevicePrecision], layer: Any = StochasticDepth) -> PartResult:
    """Drop branches of half the images: each must be zero or twice itself, and so must its gradient."""
    figures: dict[str, float | str] = {}
    random, count = np.random.default_rng(0), 64
    x, dy = (np.round(random.standard_normal((2, count, 4, 4, 8)) * 32) / 32).astype(np.float32) + 4.0
    for precision in precisions:
        with tf.device(training_device()):
            drop = layer(0.5, seed=0, dtype=POLICIES[precision.recipe])
            values = tf.cast(tf.constant(x), precision.recipe)
            with tf.GradientTape() as tape:
                tape.watch(values)
                y = drop(values, training=True)
            gradient = tape.gradient(y, values, output_gradients=tf.cast(tf.constant(dy), y.dtype))
        y, gradient = (tf.cast(each, tf.float32).numpy() for each in (y, gradient))
        kept = y[:, :1, :1, :1] != 0
        figures[precision.name] = f"{kept.sum()} of {count} images kept"
        # Of 64 fair coins between 10 and 54 heads, but for once in 10⁸ times.
        if not 10 <= kept.sum() <= 54 or (y != 2 * x * kept).any() or (gradient != 2 * dy * kept).any():
            detail = f"in {precision.name} an image's branch or its gradient is neither dropped nor doubled"
            return PartResult("stochastic depth", "failed", figures, detail, KERNEL_REMEDY)
    return PartResult("stochastic depth", "passed", figures)


def relative_error(found: Any, exact: Any) -> float:
    """Return the norm of the difference over the norm of what is exact; NaN where shapes differ."""
    found, exact = (np.asarray(tf.cast(each, tf.float64)) for each in (found, exact))
    if found.shape != exact.shape:
        return float("nan")
    return float(np.linalg.norm(found - exact) / max(float(np.linalg.norm(exact)), 1e-30))


def _in_float64(operation: CheckedLayer, coarse: bool) -> tuple[Tensors, Tensors]:
    """Return what enters a layer, float32, and what float64 makes of it: output and gradients by name.

    Args:
        operation: the layer.
        coarse: whether all that enters shall be exact in bfloat16 and in float16.
    """
    random = np.random.default_rng(0)

    def draw(shape: Sequence[int], size: float = 1.0) -> np.ndarray:
        values = random.standard_normal(shape)
        steps = np.clip(np.round(values * 32), -127, 127) / 32 if coarse else values  # seven bits and the sign
        return (steps * size).astype(np.float32)

    with tf.device("CPU:0"):
        x = draw(operation.shape)
        if operation.distinct:
            x = (np.arange(x.size).reshape(x.shape[::-1]).T * 97 % 251 - 125).astype(np.float32)
        layer = operation.make("float32")
        _build(layer, operation.shape)
        shapes = [tuple(weight.shape) for weight in getattr(layer, "trainable_weights", [])]
        weights = [draw(shape, 0.125) for shape in shapes]  # a power of two leaves it exact
        given = {"x": x, "weights": weights}
        wide, *wide_weights = (tf.constant(each, tf.float64) for each in (x, *weights))
        with tf.GradientTape() as tape:
            tape.watch([wide, *wide_weights])
            y = operation.reference(wide, wide_weights)
        given["dy"] = draw(y.shape)
        gradients = tape.gradient(y, [wide, *wide_weights], output_gradients=tf.constant(given["dy"], tf.float64))
    names = ["dL/dx", *(f"dL/dw{index}" for index in range(len(weights)))]
    return given, {"y": y, **dict(zip(names, gradients, strict=True))}


def _build(layer: Any, shape: tuple[int, ...]) -> None:
    """Create the weights of a layer, if it is one of Keras's."""
    if isinstance(layer, keras.Layer):
        layer.build(shape)


def _on_device(operation: CheckedLayer, precision: DevicePrecision, given: Tensors) -> Iterator[tuple[str, Any]]:
    """Yield the output and the gradients of the layer on the device that a run trains on, by name."""
    with precision.active(), tf.device(training_device()):
        layer = operation.make(POLICIES[precision.recipe])
        x = tf.cast(tf.constant(given["x"]), precision.recipe)
        _build(layer, operation.shape)
        variables = [weight.value for weight in getattr(layer, "trainable_weights", [])]
        for variable, value in zip(variables, given["weights"], strict=True):
            variable.assign(value)

        @tf.function
        def both_ways(x: Any, dy: Any) -> tuple[Any, list[Any]]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
            return y, tape.gradient(y, [x, *variables], output_gradients=tf.cast(dy, y.dtype))

        y, gradients = both_ways(x, tf.constant(given["dy"]))
    yield "y", y
    yield "dL/dx", gradients[0]
    for index, gradient in enumerate(gradients[1:]):
        yield f"dL/dw{index}", gradient
