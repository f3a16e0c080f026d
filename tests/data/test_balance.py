"""Weights and draws of skewed classes: scikit-learn's and the papers' figures, and draws of any epoch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from kresnet.data.balance import ClassDraws, class_counts, class_shares, class_weights, presence_weights
from kresnet.errors import KresnetError

NAMES = ("Bag", "Coat", "Dress")
COUNTS = np.array([500, 300, 5])
LABELS = np.repeat(np.arange(3), COUNTS)


def test_counts_are_those_of_classes_and_of_labels():
    np.testing.assert_array_equal(class_counts(LABELS, 4), [500, 300, 5, 0])
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    np.testing.assert_array_equal(class_counts(labels, 2), [2, 1])


def test_balanced_weights_are_scikit_learns():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(class_weights("balanced", COUNTS, NAMES), expected, rtol=1e-6)
    np.testing.assert_allclose(class_weights("balanced", np.array([5, 0, 5]), NAMES), [1, 1, 1])


def test_effective_numbers_are_those_of_cui_et_al():
    """Equation 3: the sum of beta^i over i < n; section 4.1: the weights add up to the number of classes."""
    numbers = np.array([sum(0.999**i for i in range(n)) for n in COUNTS])
    expected = (1 / numbers) * 3 / (1 / numbers).sum()
    np.testing.assert_allclose(class_weights("effective_number", COUNTS, NAMES), expected, rtol=1e-5)


def test_labels_weigh_presence_against_absence_as_pytorchs_pos_weight():
    """The documentation of BCEWithLogitsLoss: 100 positive and 300 negative examples, `pos_weight` 300 / 100."""
    weights = presence_weights("balanced", np.array([100, 0, 400]), 400, NAMES)
    np.testing.assert_allclose(weights, [3, 1, 1])
    effective = presence_weights("effective_number", np.array([100, 200, 400]), 400, NAMES)
    assert 1 < effective[0] < 3
    assert effective[1] == pytest.approx(1.0)
    np.testing.assert_allclose(presence_weights({"Coat": 2.5}, COUNTS, 805, NAMES), [1, 2.5, 1])


def test_weights_by_name_are_one_where_none_is_named():
    np.testing.assert_allclose(class_weights({"Dress": 20.0, "Bag": 0.5}, COUNTS, NAMES), [0.5, 1, 20])


@pytest.mark.parametrize("function", [class_weights, class_shares])
def test_names_that_no_class_has_are_told_all_at_once(function):
    with pytest.raises(KresnetError) as caught:
        function({"bag": 0.5, "Drss": 0.25}, COUNTS, NAMES)
    setting = "class_weights" if function is class_weights else "sampling"
    assert [(each.code, each.path, each.nearest) for each in caught.value.problems] == [
        ("wrong_value", f"recipe.{setting}.bag", "Bag"), ("wrong_value", f"recipe.{setting}.Drss", "Dress"),
    ]  # fmt: skip


def test_shares_that_are_not_stated_are_what_is_left_in_proportion():
    np.testing.assert_allclose(class_shares("balanced", np.array([500, 0, 5]), NAMES), [0.5, 0, 0.5])
    np.testing.assert_allclose(class_shares({"Dress": 0.2}, COUNTS, NAMES), [0.5, 0.3, 0.2])
    thirds = {"Bag": 0.333, "Coat": 0.333, "Dress": 0.333}
    np.testing.assert_allclose(class_shares(thirds, COUNTS, NAMES), np.full(3, 1 / 3))


@pytest.mark.parametrize(
    ("shares", "counts", "code", "words"),
    [
        ({"Bag": 0.5, "Coat": 0.5}, COUNTS, "contradiction", "leave no draws for Dress"),
        ({"Bag": 0.5, "Coat": 0.2, "Dress": 0.2}, COUNTS, "contradiction", "add up to 0.9"),
        ({"Coat": 0.5}, [500, 0, 5], "data_mismatch", "No training example of Coat"),
    ],
)
def test_shares_that_cannot_be_drawn(shares, counts, code, words):
    with pytest.raises(KresnetError, match=words) as caught:
        class_shares(shares, np.array(counts), NAMES)
    assert caught.value.problems[0].code == code


def test_draws_have_the_shares_and_every_example_of_a_class_alike():
    labels = np.random.default_rng(0).permutation(LABELS)
    drawn = ClassDraws(labels, np.array([0.2, 0.3, 0.5])).positions(3, 0, 20_000)
    np.testing.assert_allclose(np.bincount(labels[drawn]) / 20_000, [0.2, 0.3, 0.5], atol=0.015)
    rare = np.flatnonzero(labels == 2)
    np.testing.assert_allclose(np.bincount(np.searchsorted(rare, drawn[labels[drawn] == 2])), 2000, atol=200)


def test_draws_are_a_function_of_seed_and_epoch():
    draws = [ClassDraws(LABELS, np.array([0.5, 0.0, 0.5])) for _ in range(2)]
    first, again = (each.positions(1, 4, 100) for each in draws)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, draws[0].positions(1, 5, 100))
    assert not np.array_equal(first, draws[0].positions(2, 4, 100))
    assert not (LABELS[first] == 1).any()  # a share of nothing
