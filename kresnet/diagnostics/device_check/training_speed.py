"""Images a second of training on this device, the share of its product rate, and the memory beside the estimate."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import tensorflow as tf

from kresnet.diagnostics.device_check.measured_training import MeasuredTraining, TrainingCase, TrainingFigures
from kresnet.diagnostics.device_check.part import DeviceContext, Figures, PartResult
from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT16, FLOAT32, TF32
from kresnet.diagnostics.device_check.product_rates import product_name
from kresnet.distributed.devices import make_strategy
from kresnet.plan.memory_estimate import bytes_text
from kresnet.processor import cpu_bfloat16_units

#: With --quick no case is begun after so many seconds, on a CPU and on a GPU.
QUICK_SECONDS, QUICK_GPU_SECONDS = 22.0, 75.0
#: Calls of about half a second that are timed.
QUICK_CALLS, CALLS = 3, 5
#: Peak memory may be so many times the plan's estimate, and so many bytes more. The estimate counts each tensor that
#: a step must hold, once; measured steps of ResNet-50 took 1.0 to 1.8 times as much on a CPU (docs/performance.md). The
#: margin is for what does not grow with the network: on a GPU the workspace of a convolution, for which TensorFlow
#: allows 4 GiB, on a CPU graphs and compiled programs.
MEMORY_FACTOR, GPU_MARGIN, CPU_MARGIN = 2.5, 4 << 30, 1 << 29
#: A batch that does not fit is halved, down to this.
LEAST_BATCH = 8
#: The first training of each network that this process measured, for parts that follow: it need not be compiled again.
MEASURED: dict[str, MeasuredTraining] = {}


def training_cases(on_gpu: bool, quick: bool) -> list[TrainingCase]:
    """Return what is trained, by importance."""
    if on_gpu:
        order = [(BFLOAT16, True), (BFLOAT16, False), (TF32, True), (FLOAT16, True), (FLOAT32, True)]
        order += [(TF32, False), (FLOAT16, False), (FLOAT32, False)]
        first, others = order[:2], order[2:]
        batches = {"resnet50": 256, "cifar_resnet20": 128}
        return [
            TrainingCase(name, batches[name], *each) for some in (first, others) for name in batches for each in some
        ]
    order = [(FLOAT32, False), (FLOAT32, True), (BFLOAT16, False), (BFLOAT16, True), (FLOAT16, False), (FLOAT16, True)]
    fast = 4 if cpu_bfloat16_units() else 2  # without units a step takes ten times as long
    small = [TrainingCase("cifar_resnet20", 32, *each) for each in (order[:fast] if quick else order)]
    return small if quick else [*small, *(TrainingCase("resnet50", 8, *each) for each in order)]


def check_training_speed(context: DeviceContext) -> Iterator[PartResult]:
    """Train each case for a few seconds. Speed is a figure; a loss that is not finite, or too much memory, fails."""
    make_strategy("one_device")  # GPU memory as it is needed
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    cases = training_cases(on_gpu, context.quick)
    until = time.monotonic() + (QUICK_GPU_SECONDS if on_gpu else QUICK_SECONDS)
    for number, case in enumerate(cases):
        if context.quick and number and time.monotonic() > until:
            yield left_out(cases[number:])
            return
        training, figures = measure_fitting(case, QUICK_CALLS if context.quick else CALLS)
        MEASURED.setdefault(case.network, training)
        yield speed_result(training.case, figures, context.figures)
        yield memory_result(training.case, figures, GPU_MARGIN if on_gpu else CPU_MARGIN)


def measure_fitting(case: TrainingCase, calls: int) -> tuple[MeasuredTraining, TrainingFigures]:
    """Measure a case, with half the batch as long as it does not fit into the device's memory."""
    while True:
        try:
            training = MeasuredTraining(case)
            return training, training.measure(calls)
        except tf.errors.ResourceExhaustedError:
            if case.batch <= LEAST_BATCH:
                raise
        gc.collect()
        case = replace(case, batch=case.batch // 2)


def speed_result(case: TrainingCase, figures: TrainingFigures, known: Mapping[str, Figures]) -> PartResult:
    """Return the verdict on a case's steps; its figures, and the share of the product rate where that was measured."""
    found: dict[str, float | str] = {
        "images/s": figures.rate,
        "least images/s": min(figures.images_per_second),
        "most images/s": max(figures.images_per_second),
        "first step s": figures.first_seconds,
        "loss": figures.loss,
    }
    detail = f"{figures.rate:,.4g} images/s ({min(figures.images_per_second):,.4g} to {found['most images/s']:,.4g})"
    if rate := known.get(product_name(case.precision), {}).get("TFLOP/s"):
        found["share of the product rate"] = figures.flop / (float(rate) * 1e12)
        detail += f", {found['share of the product rate']:.1%} of the product rate"
    detail += f", first step {figures.first_seconds:.1f} s"
    if math.isfinite(figures.loss) and figures.loss > 0:
        return PartResult(f"training, {case}", "passed", found, detail)
    return PartResult(
        f"training, {case}",
        "failed",
        found,
        f"the loss is {figures.loss:g} after a few steps on random images, which no right step makes; {detail}",
        f"train with other settings than {case.precision.name} {'with' if case.xla else 'without'} XLA, and send this "
        "report with an issue",
    )


def memory_result(case: TrainingCase, figures: TrainingFigures, margin: int) -> PartResult:
    """Return the verdict on the memory that a case's steps held, beside what the plan says."""
    allowed = MEMORY_FACTOR * figures.estimated_bytes + margin
    found: dict[str, float | str] = {
        "peak": bytes_text(figures.peak_bytes),
        "estimate": bytes_text(figures.estimated_bytes),
        "peak over estimate": figures.peak_bytes / figures.estimated_bytes,
    }
    detail = f"{found['peak']} at most, the plan's estimate is {found['estimate']}"
    if figures.peak_bytes <= allowed:
        return PartResult(f"memory, {case}", "passed", found, detail)
    detail += f"; up to {MEMORY_FACTOR:g} times that and {bytes_text(margin)} more would be as it should"
    remedy = (
        "count on this peak and not on the estimate when you choose `batch_size`, and send this report with an issue"
    )
    return PartResult(f"memory, {case}", "failed", found, detail, remedy)


def left_out(cases: Sequence[TrainingCase]) -> PartResult:
    """Return the result that names the cases for which --quick leaves no time."""
    names = "; ".join(map(str, cases))
    return PartResult("training, other settings", "skipped", {}, f"not in the quick form: {names}")
