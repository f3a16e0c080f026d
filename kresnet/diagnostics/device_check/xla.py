"""XLA on and off: a small network takes the same steps."""

from __future__ import annotations

from collections.abc import Iterator

from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.precisions import Numbers, device_numbers, float32_products
from kresnet.diagnostics.device_check.small_training import judge_outcomes, train

#: How far the first update and three losses may be apart, relative. XLA adds up in another order, and rounds less often
#: between fused operations: a unit roundoff of 2⁻²⁴, 2⁻¹¹ (TF32) or 2⁻⁸ grows some hundred, some twenty and some ten
#: times through the network and back, as it does between these types and float32 without XLA.
_BOUNDS = {"float32": 1e-4, "TF32": 1e-2, "bfloat16": 0.06}


def check_xla(context: DeviceContext) -> Iterator[PartResult]:
    """Take three steps with and without XLA, in each precision that users of this device have XLA in."""
    for numbers in device_numbers():
        if numbers.name == "float32" or (numbers.name in _BOUNDS and not numbers.rounds_panels):
            yield compare_xla(numbers)


def compare_xla(numbers: Numbers) -> PartResult:
    """Take three steps of a new run each way."""
    with float32_products(numbers.tf32):
        off, on = (train(3, recipe={"xla": xla, "precision": numbers.precision}) for xla in ("off", "on"))
    remedy = "train without XLA: --set recipe.xla=off"
    return judge_outcomes(f"XLA in {numbers.name}", off, on, _BOUNDS[numbers.name], remedy)
