"""How fast this device multiplies matrices, by precision, and how fast it copies: what training is held against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import DevicePrecision, measured_precisions
from kresnet.distributed.devices import make_strategy

#: Sides of the square matrices: doubled from the least until a product takes long enough, or the most is reached.
LEAST_SIDE, MOST_SIDE = 512, 8192
ENOUGH_SECONDS = 0.015
#: A rate is the median of so many rounds, each of which takes about so long.
ROUNDS, ROUND_SECONDS = 5, 0.1
#: Bytes of the array that is copied, on a GPU and on a CPU.
GPU_BYTES, CPU_BYTES = 1 << 30, 1 << 26


def check_product_rates(context: DeviceContext) -> Iterator[PartResult]:
    """Measure products of random matrices in each precision, and the scaled copy of a large array."""
    make_strategy("one_device")  # GPU memory as it is needed
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    for precision in measured_precisions(on_gpu):
        with precision.active():
            side, rate = product_rate(precision)
        name = product_name(precision)
        detail = f"{rate / 1e12:,.3g} TFLOP/s, product of two {side}² matrices"
        yield PartResult(name, "passed", {"TFLOP/s": rate / 1e12, "side": side}, detail)
    rate = copy_rate(GPU_BYTES if on_gpu else CPU_BYTES)
    detail = f"{rate / 1e9:,.3g} GB/s, read and written, y = 2·x"
    yield PartResult("copy within the device", "passed", {"GB/s": rate / 1e9}, detail)


def product_name(precision: DevicePrecision) -> str:
    """Return the name of the result that holds a precision's rate."""
    return f"matrix products, {precision.name}"


def product_rate(precision: DevicePrecision) -> tuple[int, float]:
    """Return the side of the matrices, and the floating-point operations a second of their product."""
    side = LEAST_SIDE
    while True:
        multiply = _product(side, precision.dtype)
        multiply(1)
        taken = seconds_of(multiply, 1)
        if taken >= ENOUGH_SECONDS or side == MOST_SIDE:
            break
        side *= 2
    return side, 2 * side**3 / steady_seconds(multiply, taken)


def copy_rate(size: int) -> float:
    """Return the bytes a second, read and written, of y = 2·x for an array of `size` bytes."""
    x = tf.random.stateless_normal((size // 4,), (0, 1))
    scale = tf.function(lambda x: 2.0 * x)

    def run(count: int) -> None:
        for _ in range(count):
            last = scale(x)
        last[0].numpy()

    run(1)
    return 2 * size / steady_seconds(run, seconds_of(run, 1))


def _product(side: int, dtype: Any) -> Callable[[int], None]:
    """Return a function that multiplies two random matrices so many times, and waits."""
    left, right = (tf.cast(tf.random.stateless_normal((side, side), (0, seed)), dtype) for seed in (1, 2))
    multiply = tf.function(lambda left, right: tf.matmul(left, right))

    def run(count: int) -> None:
        for _ in range(count):
            last = multiply(left, right)
        last[0, 0].numpy()

    return run


def steady_seconds(run: Callable[[int], None], about: float) -> float:
    """Return the seconds of one of many calls in a row, each about `about` seconds long: the median of some rounds."""
    count = max(1, round(ROUND_SECONDS / about))
    return statistics.median(seconds_of(run, count) / count for _ in range(ROUNDS))


def seconds_of(run: Callable[[int], None], count: int) -> float:
    """Return how long `run(count)` takes."""
    began = time.perf_counter()
    run(count)
    return time.perf_counter() - began
