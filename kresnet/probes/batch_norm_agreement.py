"""How far a kernel's output and gradients are from the mathematics, and how far they may be.

A sum is computed with an error proportional to its terms, not to what is left after they cancel; errors are therefore
relative to the terms, a channel at a time, and the worst channel counts:

- dL/dx, to ‖gamma/σ · dy‖, the first of its three terms and the largest;
- dL/dgamma = Σ dy·x̂, to Σ|dy·x̂|; dL/dbeta = Σ dy, to Σ|dy|;
- all but the last times 1 + |mean|/σ, since x̂ subtracts a mean that float32 knows to a relative error,

where σ stands for sqrt(variance + epsilon).

Of the forward pass, whatever the kernel, only y is there to see. What y lacks, d = y − (gamma·x̂ + beta), says how wrong
the statistics were that it was made with: its mean is what the mean was off by, in deviations and times gamma; its
slope along x̂ is what 1/σ was off by, to first order half of what the variance was. All are relative to
(|gamma| + |beta|)·(1 + |mean|/σ), the size of y's terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.errors import KresnetError, Problem, make_error
from kresnet.plan import Plan
from kresnet.probes.batch_norm_derivation import BatchStatistics, NormGradients, ReplicaSum, local_sum
from kresnet.probes.block_paths import batch_norms

#: Least tolerance of float32 gradients; kernels compute in float32 whatever they store.
MIN_TOLERANCE = 2e-5
#: Kernels sum m terms one after the other, with an error of up to m·2⁻²⁴ (Higham 2002, Accuracy and Stability of
#: Numerical Algorithms, section 4.2); a hundredth of this bound was seen at all m, and a sixteenth is let pass.
SUMMATION_TOLERANCE = 2.0**-24 / 16
#: Between float64 and float64: rounding alone; and the second order of the differences.
EXACT_TOLERANCE, DIFFERENCE_TOLERANCE = 1e-9, 1e-5

#: Bits of the significand of a type, the hidden one included.
SIGNIFICAND_BITS = {"float32": 24, "bfloat16": 8, "float16": 11}
#: Spacing of the numbers next to zero, where it is not negligible.
_FINEST = {"float16": 2.0**-24}
#: What is smaller may have been flushed to zero.
_SMALLEST = 1e-30

#: What an error measures: three gradients of a kernel against the derivation; its output, and the mean and variance
#: that this was made with, against float64; the derivation's long against its compact form, and the derivation against
#: central differences.
KERNEL_ERROR_FIELDS = ("x", "gamma", "beta")
FORWARD_ERROR_FIELDS = ("y", "mean", "variance")
ERROR_FIELDS = (*KERNEL_ERROR_FIELDS, *FORWARD_ERROR_FIELDS, "forms", "differences")


@dataclass(frozen=True, slots=True)
class TermSizes:
    """Size of the terms that each gradient is a sum of, by channel, float64 `(C,)`."""

    x: Any
    gamma: Any
    beta: Any


def term_sizes(statistics: BatchStatistics, dy: Any, gamma: Any) -> TermSizes:
    """Return the sizes that errors are relative to; the module's docstring defines them."""
    centred = 1.0 + tf.abs(statistics.mean) * statistics.inverse_std
    return TermSizes(
        x=tf.norm(gamma * statistics.inverse_std * dy, axis=0) * centred + _SMALLEST,
        gamma=tf.reduce_sum(tf.abs(dy * statistics.centred), 0) * statistics.inverse_std * centred + _SMALLEST,
        beta=tf.reduce_sum(tf.abs(dy), 0) + _SMALLEST,
    )


def kernel_errors(kernel: NormGradients, derived: NormGradients, size: TermSizes) -> dict[str, Any]:
    """Return the relative errors of a kernel's gradients, float64 scalars `x`, `gamma`, `beta`.

    Args:
        kernel: the gradients as the framework computed them, in its own types.
        derived: the gradients of the derivation, float64.
        size: of the terms that the gradients are sums of.
    """
    return {
        "x": tf.reduce_max(tf.norm(_unexplained(kernel.x, derived.x), axis=0) / size.x),
        "gamma": tf.reduce_max(_unexplained(kernel.gamma, derived.gamma) / size.gamma),
        "beta": tf.reduce_max(_unexplained(kernel.beta, derived.beta) / size.beta),
    }


def forward_errors(
    y: Any, statistics: BatchStatistics, gamma: Any, beta: Any, total: ReplicaSum = local_sum
) -> dict[str, Any]:
    """Return the relative errors of a kernel's output, and of the statistics in it, float64 scalars.

    Args:
        y: the output as the framework computed it, `(m, C)` in its own type.
        statistics: of the input, float64.
        gamma: float64 `(C,)`.
        beta: float64 `(C,)`.
        total: adds up over replicas.
    """
    xhat = statistics.centred * statistics.inverse_std
    derived = gamma * xhat + beta
    lack = _unexplained(y, derived) * tf.sign(tf.cast(y, tf.float64) - derived)
    size = (tf.abs(gamma) + tf.abs(beta)) * (1.0 + tf.abs(statistics.mean) * statistics.inverse_std) + _SMALLEST

    def mean(values: Any) -> Any:
        return total(tf.reduce_sum(values, 0)) / statistics.count

    errors = {"y": tf.sqrt(mean(tf.square(lack))), "mean": mean(lack), "variance": 2.0 * mean(lack * xhat)}
    return {field: tf.reduce_max(tf.abs(error) / size) for field, error in errors.items()}


def _unexplained(kernel: Any, derived: Any) -> Any:
    """Return |kernel − derived|, less half a unit in the last place, which rounding to the kernel's type explains.

    Comparing beyond it keeps the check as sharp in bfloat16 as in float32: a fault a hundred times smaller than
    bfloat16's spacing still pushes some values over the edge of an interval that rounds elsewhere.
    """
    single = tf.cast(kernel, tf.float32)
    exponent = tf.bitcast(tf.bitwise.bitwise_and(tf.bitcast(single, tf.int32), 0x7F800000), tf.float32)
    name = kernel.dtype.name
    half_unit = tf.maximum(tf.cast(exponent, tf.float64) * 2.0 ** -SIGNIFICAND_BITS[name], _FINEST.get(name, 0.0) / 2)
    return tf.maximum(tf.abs(tf.cast(kernel, tf.float64) - derived) - half_unit, 0.0)


def tolerance(field: str, count: int) -> float:
    """Return the largest relative error that passes, for a norm over `count` values a channel."""
    fixed = {"forms": EXACT_TOLERANCE, "differences": DIFFERENCE_TOLERANCE}
    return fixed.get(field) or max(MIN_TOLERANCE, count * SUMMATION_TOLERANCE)


@dataclass(frozen=True, slots=True)
class NormCheck:
    """How far one batch norm's output and gradients are from the mathematics, in the worst replica.

    Attributes:
        name: the norm's name.
        count: how many values of a channel the norm is over.
        errors: relative errors by `ERROR_FIELDS`.
    """

    name: str
    count: int
    errors: dict[str, float]

    @property
    def failures(self) -> list[str]:
        """Fields whose error is beyond its tolerance, or no number."""
        return [field for field in ERROR_FIELDS if not self.errors[field] <= tolerance(field, self.count)]

    def as_dict(self) -> dict[str, Any]:
        """Return errors, tolerances and failures as JSON-ready values."""
        tolerances = {field: tolerance(field, self.count) for field in ERROR_FIELDS}
        return {"name": self.name, "count": self.count, "errors": self.errors, "tolerances": tolerances,
                "failures": self.failures}  # fmt: skip

    def problem(self) -> Problem:
        """Return the worst failure of the norm as a problem; y only where its statistics do not say more."""
        failures = [field for field in self.failures if field != "y"] or self.failures
        field = max(failures, key=lambda field: self.errors[field] / tolerance(field, self.count))
        return Problem(
            "batch_norm_mismatch",
            f"The {'forward' if field in FORWARD_ERROR_FIELDS else 'backward'} pass of batch norm `{self.name}` is not "
            f"what the mathematics says: {_FAILURES[field]}.",
            expected=f"a relative error of at most {tolerance(field, self.count):.1e}",
            found=f"{self.errors[field]:.1e}",
        )


#: A failed field in words.
_FAILURES = {
    "x": "its gradient with respect to x differs from the derivation",
    "gamma": "its gradient with respect to gamma differs from the derivation",
    "beta": "its gradient with respect to beta differs from the derivation",
    "y": "its output differs from the formula's",
    "mean": "its output is made with another mean than the batch's",
    "variance": "its output is made with another variance than the batch's",
    "forms": "the two forms of the derivation differ, so its input is degenerate",
    "differences": "the derivation differs from central differences, so its input is degenerate",
}


def norm_checks(names: Sequence[str], replicas: Sequence[np.ndarray]) -> list[NormCheck]:
    """Return a check for every batch norm, with the worst replica's errors.

    Args:
        names: the norms' names.
        replicas: of each replica, the `batch_norm` finding of a probe, `(norms, len(ERROR_FIELDS) + 1)`, whose last
            column is m.
    """
    worst = np.max(replicas, axis=0)  # NaN wins
    return [
        NormCheck(name, int(row[-1]), dict(zip(ERROR_FIELDS, map(float, row[:-1]), strict=True)))
        for name, row in zip(names, worst, strict=True)
    ]


def require_batch_norms(plan: Plan, images: int, replicas: int) -> None:
    """Make sure that there is something to check.

    Raises:
        KresnetError: `contradiction` for a network without batch norm, or with one image a replica.
    """
    if not batch_norms(plan):
        message = f"{plan.name} has no batch norm whose backward pass could be checked."
        raise make_error("contradiction", message, path="norm.kind", expected="batch", remedy="--set norm.kind=batch")
    if images // replicas < 2:
        message = "Batch norm needs a batch: the statistics of a single image are not checked."
        raise make_error("contradiction", message, expected=f"at least {2 * replicas} images", found=str(images))


def require_agreement(checks: Sequence[NormCheck]) -> None:
    """Raise `KresnetError` (`batch_norm_mismatch`) with a problem for every norm that fails."""
    if failed := [check.problem() for check in checks if check.failures]:
        raise KresnetError(failed)
