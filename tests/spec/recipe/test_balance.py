"""Weights and shares of classes, as a recipe states them."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe import Recipe
from tests.spec.refusals import refused

RECIPE = {"name": "r", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": 8, "optimizer": {"kind": "sgd"}}


@pytest.mark.parametrize(
    "settings",
    [{"class_weights": "balanced"}, {"class_weights": "effective_number"}, {"class_weights": {"Bag": 3, "9": 0.5}},
     {"sampling": "balanced"}, {"sampling": {"Bag": 0.25, "Coat": 0.75}}],
)  # fmt: skip
def test_what_may_be_stated(settings):
    assert Recipe.model_validate(RECIPE | settings).document().items() >= settings.items()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"class_weights": "balance"}, ("wrong_value", "class_weights")),
        ({"class_weights": {"Bag": 0.0}}, ("out_of_range", "class_weights.Bag")),
        ({"sampling": {"Bag": 1.0}}, ("out_of_range", "sampling.Bag")),
        ({"sampling": {"Bag": 0.5, "Coat": 0.6}}, ("contradiction", "sampling")),
    ],
)
def test_what_is_refused(settings, expected):
    assert refused(Recipe, RECIPE | settings) == expected
