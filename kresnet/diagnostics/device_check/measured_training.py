"""A network under training on random images, through the engine that `kresnet fit` uses: speed, loss, peak memory."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.device_check.precisions import DevicePrecision
from kresnet.graph import build_model
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.memory_estimate import estimate_memory
from kresnet.process_memory import release_memory, resident_memory
from kresnet.spec.loading import load_spec
from kresnet.spec.recipe import Sgd
from kresnet.training.loop.peak_memory import peak_memory, reset_peak_memory
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import make_loss_scale
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer

#: Batches of random images, taken in turn.
RING = 2
#: Steps of a call to the device take about so long, as in `kresnet fit`; no call is begun after so many seconds.
CALL_SECONDS, ALL_SECONDS = 0.5, 6.0
LEARNING_RATE = 0.01


@dataclass(frozen=True, slots=True)
class TrainingCase:
    """What is trained, and how.

    Attributes:
        network: name of a spec.
        batch: images a step.
        precision: of activations and products.
        xla: whether XLA compiles the passes.
    """

    network: str
    batch: int
    precision: DevicePrecision
    xla: bool

    def __str__(self) -> str:
        xla = "XLA" if self.xla else "no XLA"
        return f"{self.network}, batch {self.batch}, {self.precision.name}, {xla}"


@dataclass(frozen=True, slots=True)
class TrainingFigures:
    """What was measured.

    Attributes:
        images_per_second: of each call to the device.
        first_seconds: how long the first step took, with tracing and compilation.
        loss: mean loss of the last call's steps.
        flop: floating-point operations of a second, 2 a multiply-accumulate, three passes: median.
        peak_bytes: the most memory that the steps held: on a GPU all of TensorFlow's, on a CPU what the process held
            above what it had held before the network was built.
        estimated_bytes: what the plan's estimate says.
    """

    images_per_second: tuple[float, ...]
    first_seconds: float
    loss: float
    flop: float
    peak_bytes: int
    estimated_bytes: int

    @property
    def rate(self) -> float:
        """Median of the images a second."""
        return statistics.median(self.images_per_second)


class MeasuredTraining:
    """A network with engine, optimizer and loss scale, as a recipe of SGD with momentum makes them."""

    def __init__(self, case: TrainingCase) -> None:
        """Build it; the first step traces and compiles."""
        self.case = case
        release_memory()
        self.before = resident_memory()
        self.plan: Plan = plan_loaded(load_spec(case.network))
        network = build_model(self.plan, precision=case.precision.recipe)
        trainer = Trainer(network, loss_scale=make_loss_scale(case.precision.recipe), xla=case.xla)
        sgd = Sgd(kind="sgd", momentum=0.9, weight_decay=1e-4)
        trainer.updates = make_optimizer(sgd, lambda step: tf.constant(LEARNING_RATE), network.trainable_variables)
        self.engine = Engine(trainer, tf.distribute.get_strategy())

    def take_steps(self, batches: Iterator[Any], steps: int) -> float:
        """Take steps in one call, and return the mean loss of those. Waits for the device."""
        self.engine.reset_metrics()
        self.engine.train(batches, tf.constant(steps, tf.int32))
        loss = self.engine.metrics()["loss"]
        self.engine.steps_taken()
        return loss

    def measure(self, calls: int) -> TrainingFigures:
        """Take the first step, some more, and then so many calls of several steps."""
        case = self.case
        with case.precision.active():
            batches = self.engine.distribute(random_batches(self.plan, case.batch))
            first = _seconds(partial(self.take_steps, batches, 1))
            reset_peak_memory()
            steps = max(1, math.ceil(CALL_SECONDS / _seconds(partial(self.take_steps, batches, 1))))
            rates: list[float] = []
            loss, until = math.nan, time.perf_counter() + ALL_SECONDS
            while len(rates) < calls and (not rates or time.perf_counter() < until):
                began = time.perf_counter()
                loss = self.take_steps(batches, steps)
                rates.append(steps * case.batch / (time.perf_counter() - began))
        flop = statistics.median(rates) * 2 * 3 * self.plan.macs
        estimate = estimate_memory(self.plan, case.batch, precision=case.precision.recipe)
        return TrainingFigures(tuple(rates), first, loss, flop, self.peak(), estimate.total)

    def peak(self) -> int:
        """Return the most memory that was held since it was last reset, in bytes: see `TrainingFigures`."""
        peaks = peak_memory()
        return peaks["device"] if "device" in peaks else max(0, peaks["host"] - self.before)


def random_batches(plan: Plan, batch: int) -> tf.data.Dataset:
    """Return batches of random uint8 images with random classes, for ever."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (RING, batch, *plan.input_shape), dtype=np.uint8)
    classes = random.integers(0, plan.records[-1].shape[-1], (RING, batch), dtype=np.int32)
    return tf.data.Dataset.from_tensor_slices((images, classes)).repeat().prefetch(2)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
