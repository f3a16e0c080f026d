"""Why steps wait for images: what reading and decoding some of a split's files takes, beside what there is time for."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kresnet.data.images import decode
from kresnet.data.splits import UNREADABLE, Split
from kresnet.spec.inputs import Input

#: How many files are looked at, spread evenly over the split.
MAX_FILES = 8
#: What takes more than this share of the processor's time an image is named.
_LARGE_SHARE = 0.4
#: Images of so many times the network's pixels are worth making smaller once, before they are trained on.
_WORTH_SHRINKING = 6


@dataclass(frozen=True, slots=True)
class InputCost:
    """What an image file of a split costs, medians of some.

    Attributes:
        pixels: height times width.
        read_seconds: to read it, now that it may be in the system's memory.
        decode_seconds: to decode it on one core.
    """

    pixels: float
    read_seconds: float
    decode_seconds: float


def measure_input_cost(split: Split) -> InputCost | None:
    """Read and decode some files of a split; None where it has none that can be read."""
    places: np.ndarray = np.unique(np.linspace(0, len(split) - 1, MAX_FILES).astype(int)) if len(split) else np.empty(0)
    found = [cost for place in places if (cost := _measure_file(split, int(place)))]
    return InputCost(*np.median(found, axis=0).tolist()) if found else None


def _measure_file(split: Split, place: int) -> tuple[float, float, float] | None:
    began = time.perf_counter()
    encoded = split.encoded(place)
    read_seconds = time.perf_counter() - began
    if not encoded:
        return None
    try:
        with tf.device("CPU:0"):
            began = time.thread_time()  # the run's own batches are being made meanwhile
            height, width, _ = tf.io.decode_image(encoded, expand_animations=False).shape
            if split.input.jpeg_decoding == "scaled":
                began = time.thread_time()
                decode(tf.constant(encoded), split.input)
            return height * width, read_seconds, time.thread_time() - began
    except UNREADABLE:
        return None


def explain_waiting(cost: InputCost | None, input: Input, waited: float, images_per_second: float, cores: int) -> str:
    """Return in a sentence or two what steps wait for, and what helps.

    Args:
        cost: of the split's files; None where there are none.
        input: the spec's input.
        waited: share of the time in which steps had no batch to begin with.
        images_per_second: how fast the run trains.
        cores: that the process may use.
    """
    waits = f"Steps waited for images {waited:.0%} of the time"
    each = cores / images_per_second  # seconds of a core
    if cost and cost.decode_seconds >= _LARGE_SHARE * each:
        text = (
            f"{waits}, and what takes long is decoding: {_milliseconds(cost.decode_seconds)} of the "
            f"{_milliseconds(each)} that {cores} cores have for an image, of {cost.pixels / 1e6:.2g} megapixels."
        )
        if cost.pixels < _WORTH_SHRINKING * input.shape[0] * input.shape[1]:
            return f"{text} More cores help."
        once = f"`kresnet prepare DATA -o DIR --shorter-side {2 * min(input.shape[:2])}` makes them small, once"
        scaled = "" if input.jpeg_decoding == "scaled" else "; input.jpeg_decoding=scaled makes fewer pixels of a JPEG"
        return f"{text} {once}{scaled}."
    if cost and cost.read_seconds * images_per_second >= _LARGE_SHARE:
        return f"{waits}, and what takes long is reading the files: {_milliseconds(cost.read_seconds)} each."
    return f"{waits}, and what takes long is neither reading nor decoding: less of `augment`, or more cores, help."


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


__all__ = ["MAX_FILES", "InputCost", "explain_waiting", "measure_input_cost"]
