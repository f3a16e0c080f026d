"""Two runs of which a kernel adds something else each time are caught."""

from __future__ import annotations

import itertools

from kresnet.diagnostics.device_check.determinism import check_determinism
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.distributed import context
from kresnet.training.step.losses import SoftmaxCrossEntropy


def test_a_kernel_that_is_not_deterministic_is_caught(tmp_path, monkeypatch):
    """The process's kernels stay as they are: TensorFlow cannot take determinism back."""
    monkeypatch.setattr(context, "choose_kernels", lambda recipe: None)
    losses, noise = SoftmaxCrossEntropy.example_losses, itertools.count(1)
    monkeypatch.setattr(
        SoftmaxCrossEntropy,
        "example_losses",
        lambda self, *arguments, **options: losses(self, *arguments, **options) * (1 + 1e-6 * next(noise)),
    )
    result = check_determinism(DeviceContext(True, tmp_path))
    assert result.verdict == "failed", result
    assert result.figures["differing"] > 0
