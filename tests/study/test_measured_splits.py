"""Figures say of which images they are, also where some variants are validated and others are not."""

from __future__ import annotations

import pytest

from kresnet.study.measured_splits import final_splits, measured, selection_of, split_words


@pytest.mark.parametrize(
    ("selection", "splits", "value"),
    [
        ("validation", ("train", "validation", "test"), 0.2),
        ("test", ("train", "test"), 0.3),
        ("validation or test", ("train", "test"), 0.2),
    ],
)
def test_the_numbers_of_the_images_that_epochs_are_measured_on(selection, splits, value):
    results = {"selection": selection}
    assert (selection_of(results), final_splits(results)) == (selection, splits)
    assert measured({"test_error": 0.3, "validation_error": 0.2}, selection, "error") == value


def test_a_variant_that_is_not_validated_is_tested():
    assert measured({"test_loss": 0.3}, "validation or test", "loss") == 0.3


def test_results_of_earlier_versions_are_of_test_images():
    assert (selection_of({}), split_words("train"), split_words("test")) == ("test", "training", "test")
