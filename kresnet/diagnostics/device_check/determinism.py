"""Determinism on request: two runs from the same seed are equal in every bit."""

from __future__ import annotations

from kresnet.diagnostics.device_check.part import REPORT_REMEDY, DeviceContext, PartResult
from kresnet.diagnostics.device_check.small_training import differing_variables, train
from kresnet.distributed.precision import resolve_precision

#: What is drawn at random takes part.
_SPEC = {"activation": "relu", "stochastic_depth": 0.2, "head": {"classes": 10, "dropout": 0.2}}
_RECIPE = {"deterministic": True, "augment": {"crop_padding": 2, "flip": True}}


def check_determinism(context: DeviceContext) -> PartResult:
    """Take five steps twice, and compare all variables; the process's kernels are deterministic from then on."""
    precision = resolve_precision("auto").name
    one, other = (train(5, _SPEC, {**_RECIPE, "precision": precision}) for _ in range(2))
    differing = differing_variables(one.last, other.last)
    figures: dict[str, float | str] = {"variables": len(one.last), "differing": len(differing), "precision": precision}
    if differing or one.losses != other.losses:
        steps = sum(a != b for a, b in zip(one.losses, other.losses, strict=True))
        detail = f"{len(differing)} of {len(one.last)} variables and {steps} of {len(one.losses)} losses differ"
        return PartResult("determinism", "failed", figures, detail, REPORT_REMEDY)
    return PartResult("determinism", "passed", figures, "two runs are equal in every bit")
