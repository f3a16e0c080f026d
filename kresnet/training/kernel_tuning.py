"""Choose the kernels of convolutions by measuring them here, once for each shape; a cache keeps what was found."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from kresnet.cores import usable_cores
from kresnet.graph.layers.convolution import stock_convolution
from kresnet.graph.layers.convolution_kernels import Window, can_choose, convolution_pass
from kresnet.plan import Plan
from kresnet.plan.convolutions import PASSES, ConvolutionShape, KernelChoice, describe_kernels, plan_convolutions
from kresnet.processor import cpu_name, cpu_units
from kresnet.runs.kernel_cache import KernelCache, MeasuredKernels

#: Multiply-accumulates of what is measured, by which the number of images is limited: one to a few ms on two cores.
SAMPLE_MACS = 2.5e8
#: Timed turns of each way, of which the median counts; one before them is not timed.
TURNS = 3
#: A way is taken whose time is at most this share of stock's, by the median and by the least.
SHARE = 0.9
#: A way that takes this many times the fastest one's time is given up; stock, which the others are held against, later.
HOPELESS, HOPELESS_STOCK = 1.3, 4.0
#: CPU seconds after which no other shape is begun: those left are stock in this run, and measured in a later one.
LIMIT_SECONDS = 3.5


class Turn(NamedTuple):
    """What one turn of a way took, in milliseconds: by the clock, and of all cores together."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class TunedKernels:
    """The kernels of a run.

    Attributes:
        choices: by the names of records, of convolutions that are not stock in all passes.
        text: what was chosen, and how, for people.
    """

    choices: Mapping[str, KernelChoice]
    text: str


def choose_kernels_by_time(plan: Plan, images: int, precision: str) -> TunedKernels:
    """Return the fastest kernels for the convolutions of a network, as the cache knows them or as they are measured.

    Args:
        plan: the network.
        images: number of images that pass through it at once, on one device.
        precision: type of activations and products.
    """
    if tf.config.list_physical_devices("GPU"):
        return TunedKernels({}, "stock, among which a GPU's library chooses by itself")
    by_name = plan_convolutions(plan)
    counts = Counter(by_name.values())
    cache = KernelCache(kernel_environment())
    known, measured = cache.read(), {}
    began, began_cpu = time.perf_counter(), time.process_time()
    for convolution in sorted(counts, key=lambda each: counts[each] * each.macs, reverse=True):
        key = kernel_key(convolution, images, precision)
        if key in known and not _possible(convolution, known[key].choice):
            del known[key]  # a file that was changed by hand
        if key not in known and time.process_time() - began_cpu < LIMIT_SECONDS:
            known[key] = measured[key] = measure_kernels(convolution, _sampled(convolution, images), precision)
    spent = time.perf_counter() - began
    if measured:
        cache.add(measured)
    keys = {convolution: kernel_key(convolution, images, precision) for convolution in counts}
    choices = {
        name: known[keys[each]].choice
        for name, each in by_name.items()
        if keys[each] in known and known[keys[each]].choice.as_dict()
    }
    shapes = {
        f"measured in {spent:.1f} s": len(measured),
        "measured before": sum(key in known and key not in measured for key in keys.values()),
        "left stock for want of time": sum(key not in known for key in keys.values()),
    }
    how = ", ".join(f"{count} {what}" for what, count in shapes.items() if count)
    return TunedKernels(choices, f"{describe_kernels(choices, plan)} (shapes: {how})")


def kernel_environment() -> dict[str, Any]:
    """Return what the times of kernels depend on beside the convolution; a processor's name alone may be `AMD EPYC`."""
    switches = ("TF_ENABLE_ONEDNN_OPTS", "TF_SET_ONEDNN_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA")
    return {
        "processor": cpu_name(),
        "units": cpu_units(),
        "tensorflow": tf.__version__,
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or len(usable_cores()),
        **{name: value for name in switches if (value := os.environ.get(name))},
    }


def kernel_key(convolution: ConvolutionShape, images: int, precision: str) -> str:
    """Return by what the cache knows a convolution: type, images that are measured, and shape."""
    return f"{precision}, {_sampled(convolution, images)} images, {convolution}"


def _possible(convolution: ConvolutionShape, choice: KernelChoice) -> bool:
    """Return whether a convolution's passes can be computed so."""
    return all(getattr(choice, name) in _ways(convolution, name) for name in PASSES)


def _ways(convolution: ConvolutionShape, name: str) -> list[str]:
    """Return the ways in which a pass of a convolution can be computed."""
    each = convolution
    return [
        way for way in PASSES[name] if can_choose(name, way, stride=each.stride, kernel=each.kernel, groups=each.groups)
    ]


def _sampled(convolution: ConvolutionShape, images: int) -> int:
    return max(1, min(images, round(SAMPLE_MACS / convolution.macs)))


def measure_kernels(convolution: ConvolutionShape, images: int, precision: str) -> MeasuredKernels:
    """Measure the ways in which a convolution's passes can be computed, turn by turn, and choose.

    Args:
        convolution: its shape.
        images: number of images to measure with.
        precision: type of its arrays.
    """
    each, size = convolution, (convolution.kernel,) * 2
    stride, dilation = (each.stride,) * 2, (each.dilation,) * 2
    stock = partial(stock_convolution, groups=each.groups, how=(stride, each.padding, "channels_last", dilation))
    x = _values((images, each.height, each.width, each.channels), precision)
    kernel = _values((*size, each.channels // each.groups, each.filters), precision)
    window = Window.of(x, size, stride, each.padding, dilation, each.groups)
    gradient = stock(x, kernel)
    times = {}
    for name in PASSES:
        possible = _ways(convolution, name)
        if len(possible) > 1:
            tensors = (x, kernel) if name == "forward" else (x, kernel, gradient)
            functions = {way: partial(_compiled(name, way, stock, window, tensors), *tensors) for way in possible}
            times[name] = _turns(functions)
    medians = {
        name: {way: round(statistics.median(turn.wall for turn in turns), 3) for way, turns in ways.items()}
        for name, ways in times.items()
    }
    return MeasuredKernels(KernelChoice(**{name: fastest(ways) for name, ways in times.items()}), medians)


def fastest(turns: Mapping[str, Sequence[Turn]]) -> str:
    """Return the way of the least median time, if it is faster than stock by enough, at its best too, for no more CPU.

    The last is what other programs on the machine disturb least.

    Args:
        turns: of each way, stock among them, what its turns took.
    """
    median = {way: statistics.median(turn.wall for turn in taken) for way, taken in turns.items()}
    least = {way: min(turn.wall for turn in taken) for way, taken in turns.items()}
    cpu = {way: statistics.median(turn.cpu for turn in taken) for way, taken in turns.items()}
    best = min(median, key=lambda way: median[way])
    faster = all(found[best] <= SHARE * found["stock"] for found in (median, least))
    return best if faster and cpu[best] <= cpu["stock"] else "stock"


def _values(shape: tuple[int, ...], precision: str) -> Any:
    return tf.cast(tf.random.stateless_uniform(shape, (0, 0), -1.0, 1.0), precision)


def _compiled(name: str, way: str, stock: Any, window: Window, tensors: tuple[Any, ...]) -> Callable[..., Any]:
    """Return a pass as a graph, as it is in training: outside of one TensorFlow takes other kernels for bfloat16."""

    def run(*tensors: Any) -> Any:
        return convolution_pass(name, way, tensors, stock, window)

    return tf.function(run, autograph=False).get_concrete_function(*tensors)


def _turns(functions: Mapping[str, Callable[[], Any]]) -> dict[str, list[Turn]]:
    """Return what some turns of each function took; the first one, and hopeless ones, are not repeated."""
    turns: dict[str, list[Turn]] = {way: [] for way in functions}
    for function in functions.values():
        function()
    for _ in range(TURNS):
        for way, function in functions.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            function()
            turns[way].append(Turn((time.perf_counter() - began) * 1e3, (time.process_time() - began_cpu) * 1e3))
        least = min(taken[-1].wall for taken in turns.values())
        functions = {
            way: each
            for way, each in functions.items()
            if turns[way][-1].wall <= least * (HOPELESS_STOCK if way == "stock" else HOPELESS)
        }
    return turns


__all__ = [
    "TunedKernels",
    "Turn",
    "choose_kernels_by_time",
    "fastest",
    "kernel_environment",
    "kernel_key",
    "measure_kernels",
]
