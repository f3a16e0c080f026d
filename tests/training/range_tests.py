"""A range test whose numbers are known."""

from __future__ import annotations

import math
from typing import Any

from kresnet.training.loop.rate_sweep import smooth_losses
from kresnet.training.range_test import RangeTest

LOSSES = (2.5, 2.5, 2.4, 1.0, 0.5, 50.0, math.nan)


def made_up_test(**changes: Any) -> RangeTest:
    """Seven steps at rates from 1e-5 to 10, of which the last is not finite; `changes` are of fields."""
    fields = {
        "spec": "tiny",
        "recipe": "short",
        "optimizer": "sgd",
        "precision": "float32",
        "devices": 1,
        "batch_size": 16,
        "epochs": 1.75,
        "start_step": 0,
        "planned_steps": 7,
        "rates": tuple(10.0 ** (n - 5) for n in range(7)),
        "losses": LOSSES,
        "smoothed": tuple(smooth_losses(LOSSES).tolist()),
        "recipe_rate": 0.1,
        "suggestion": 0.01,
        "setting": "recipe.optimizer.learning_rate=0.01",
        "reason": "The smoothed loss fell fastest at 0.01.",
    }
    return RangeTest(**fields | changes)
