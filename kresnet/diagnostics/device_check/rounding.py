"""How far from float64 a kernel may be, by the precision that it computes in.

A kernel rounds what it is given (TF32 only: to 11 bits), adds up so many terms in float32, and rounds what it returns.
Errors of random signs add up by their squares, so relative to the norm of the result

    bound = 4 · (u(returned) + u(given) + sqrt(terms) · 2⁻²⁴),    u = 2⁻ᵇ for b bits of significand

(Higham 2002, Accuracy and Stability of Numerical Algorithms, sections 2.8 and 4.2); 4 is for Winograd's and Fourier's
forms of a convolution, which add up more terms than the definition has. Kernels for CPUs keep sums of bfloat16 and
float16 in the type itself from one panel of terms to the next (Eigen's gradient by weights was seen to): there
u(returned) is that of as many roundings, sqrt(terms / panel) · 2⁻ᵇ.
"""

from __future__ import annotations

from math import sqrt

import tensorflow as tf

from kresnet.diagnostics.device_check.precisions import DevicePrecision, measured_precisions
from kresnet.distributed.devices import make_strategy
from kresnet.probes.batch_norm_agreement import SIGNIFICAND_BITS

#: Bits that TF32 keeps of what is multiplied.
_TF32_BITS = 11
#: NVIDIA's first generation with units for TF32, Ampere.
_TF32_CAPABILITY = (8, 0)
#: See the module.
_MARGIN, _PANEL = 4.0, 256


def rounding_bound(precision: DevicePrecision, terms: int) -> float:
    """Return how far a sum of so many terms may be from float64, relative to its norm."""
    given = 2.0**-_TF32_BITS if precision.tf32 else 0.0
    roundings = 1.0 if tf.config.list_physical_devices("GPU") else max(1.0, terms / _PANEL)
    return _MARGIN * (sqrt(roundings) * unit_roundoff(precision) + given + sqrt(terms) * 2.0**-24)


def unit_roundoff(precision: DevicePrecision) -> float:
    """Return the largest relative error of rounding to the type that is returned."""
    return 2.0 ** -SIGNIFICAND_BITS[precision.recipe]


def device_precisions() -> list[DevicePrecision]:
    """Return the precisions that the device has units or kernels for."""
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    ampere = bool(gpus) and min(each.get("compute_capability") or (0, 0) for each in details) >= _TF32_CAPABILITY
    return [each for each in measured_precisions(bool(gpus)) if ampere or not each.tf32]


def training_device() -> str:
    """Return the name of the device that a run of one device trains on; its memory is taken as it is needed."""
    make_strategy("one_device")
    return "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
