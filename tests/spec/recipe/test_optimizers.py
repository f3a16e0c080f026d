"""The numbers that optimizers have by default are those of their papers and of the peers that they agree with."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.optimizers import AdamW, Lamb, Lars, RmsProp, Sgd
from tests.spec.refusals import refused


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (Sgd(kind="sgd"), {"learning_rate": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}),
        (AdamW(kind="adamw"), {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.05}),
        (Lamb(kind="lamb"), {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-6, "weight_decay": 0.02}),
        (Lars(kind="lars"), {"momentum": 0.9, "trust_coefficient": 1e-3, "weight_decay": 1e-4}),
        (RmsProp(kind="rmsprop"), {"rho": 0.9, "momentum": 0.9, "epsilon": 1e-3, "weight_decay": 1e-5}),
    ],
)
def test_the_defaults(optimizer, settings):
    assert settings.items() <= optimizer.document().items()
    assert optimizer.learning_rate_per is None


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (Sgd, {"kind": "sgd", "learning_rate": 0.0}, ("out_of_range", "learning_rate")),
        (Sgd, {"kind": "sgd", "momentum": 1.0}, ("out_of_range", "momentum")),
        (Sgd, {"kind": "sgd", "beta_1": 0.9}, ("unknown_field", "beta_1")),
        (AdamW, {"kind": "adamw", "weight_decay": -0.1}, ("out_of_range", "weight_decay")),
        (Lamb, {"kind": "lamb", "epsilon": 0.0}, ("out_of_range", "epsilon")),
        (Lars, {"kind": "lars", "learning_rate_per": 0}, ("out_of_range", "learning_rate_per")),
        (RmsProp, {"kind": "rmsprop", "rho": "high"}, ("wrong_type", "rho")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
