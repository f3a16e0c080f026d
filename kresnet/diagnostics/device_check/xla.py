"""XLA on and off: a small network takes the same steps."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import FLOAT32, DevicePrecision
from kresnet.diagnostics.device_check.rounding import device_precisions
from kresnet.diagnostics.device_check.small_training import judge_outcomes, train

#: How far the first update and three losses may be apart, relative. XLA adds up in another order, and rounds less often
#: between fused operations: a unit roundoff of 2⁻²⁴, 2⁻¹¹ (TF32) or 2⁻⁸ grows some hundred, some twenty and some ten
#: times through the network and back, as it does between these types and float32 without XLA.
_BOUNDS = {"float32": 1e-4, "TF32": 1e-2, "bfloat16": 0.06}


def check_xla(context: DeviceContext) -> Iterator[PartResult]:
    """Take three steps with and without XLA, in each precision that users of this device have XLA in."""
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    for precision in device_precisions():
        if precision == FLOAT32 or (on_gpu and precision.name in _BOUNDS):
            yield compare_xla(precision)


def compare_xla(precision: DevicePrecision) -> PartResult:
    """Take three steps of a new run each way."""
    with precision.active():
        off, on = (train(3, recipe={"xla": xla, "precision": precision.recipe}) for xla in ("off", "on"))
    remedy = "state it in the recipe: xla: off"
    return judge_outcomes(f"XLA in {precision.name}", off, on, _BOUNDS[precision.name], remedy)
