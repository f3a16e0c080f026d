"""Whether this machine's processor brings images as fast as its device trains: from memory, and from JPEG files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kresnet.data.pipeline import training_batches
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.folder import FileSource
from kresnet.data.splits import Split
from kresnet.diagnostics.device_check.measured_training import MeasuredTraining, TrainingCase
from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.training_speed import MEASURED, training_cases
from kresnet.distributed.devices import make_strategy
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment
from kresnet.training.loop.input_wait import BatchClock
from kresnet.training.loop.throughput import Throughput

#: Images in memory, and JPEG files: how many, and `(width, height)`.
IN_MEMORY, FILES, FILE_SIZE = 4096, 256, (500, 375)
#: Each is fed for about so long, with --quick and without.
QUICK_SECONDS, SECONDS = 4.0, 12.0
_CALL_SECONDS = 0.5


def check_input_feeding(context: DeviceContext) -> Iterator[PartResult]:
    """Train from memory and from files as `kresnet fit` does: images/s, and the share of time without a batch."""
    make_strategy("one_device")  # GPU memory as it is needed
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    cases = training_cases(on_gpu, context.quick)
    seconds = QUICK_SECONDS if context.quick else SECONDS
    small = _measured(cases, "cifar_resnet20")
    shape = small.plan.input_shape
    yield fed(small, memory_split(shape), "memory", Augment.model_validate({"crop_padding": 4, "flip": True}), seconds)
    training = _measured(cases, "resnet50") if on_gpu else small
    split = file_split(context.scratch / "jpeg", training.plan.input_shape)
    crop = Augment.model_validate({"crop": {"kind": "resized"}, "flip": True})
    yield fed(training, split, "JPEG files", crop, seconds)


def _measured(cases: Sequence[TrainingCase], network: str) -> MeasuredTraining:
    """Return a network's training that was measured before in this process, else that of its first case."""
    return MEASURED.get(network) or MeasuredTraining(next(each for each in cases if each.network == network))


def fed(training: MeasuredTraining, split: Split, source: str, augment: Augment, seconds: float) -> PartResult:
    """Train for about so many seconds from a split, and say what `fit` says of it: images/s and `input_wait`."""
    case, classes, engine = training.case, int(training.plan.records[-1].shape[-1]), training.engine
    made = training_batches(
        split,
        augment=augment,
        classes=classes,
        batch_size=case.batch,
        seed=0,
        start_step=0,
        stop_step=10**9,
    )
    clock = BatchClock()
    batches = engine.distribute(clock.timed(made, 0))
    throughput, first, steps, until = Throughput(), 1, 1, float("inf")
    with case.precision.active():
        training.take_steps(batches, 1)
        while True:
            began = time.perf_counter()
            training.take_steps(batches, steps)
            ended = time.perf_counter()
            planned, took = range(first, first + steps), ended - began
            waited = clock.seconds_waited(planned, began, ended, buffered=engine.buffers_batches)
            throughput.add(took, steps * case.batch, waited)
            first += steps
            if until == float("inf"):  # the first call serves to choose how many steps are one
                until = time.perf_counter() + seconds
            elif time.perf_counter() > until:
                break
            steps = max(1, round(steps * _CALL_SECONDS / took))
    figures = throughput.figures()
    detail = f"{figures['images_per_second']:,.4g} images/s, {figures['input_wait']:.0%} of the time without a batch"
    found = {"images/s": figures["images_per_second"], "input_wait": figures["input_wait"]}
    return PartResult(f"fed from {source}, {case}", "passed", found, detail)


def memory_split(shape: tuple[int, ...]) -> Split:
    """Return random images in memory."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IN_MEMORY, *shape), dtype=np.uint8)
    taken = Input(shape=shape)
    return Split("train", ArraySource(images, random.integers(0, 10, IN_MEMORY, dtype=np.int32), taken), taken)


def file_split(folder: Path, shape: tuple[int, ...]) -> Split:
    """Write JPEG files, and return them as a split that decodes them in every epoch anew."""
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(0)
    paths = [str(folder / f"{number}.jpg") for number in range(FILES)]
    for path in paths:
        noise = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        noise.resize(FILE_SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
    taken = Input(shape=shape)
    return Split("train", FileSource(paths, np.zeros(FILES, np.int32), taken), taken, resident_bytes=0)
