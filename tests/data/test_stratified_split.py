"""What is held out of the training examples: in proportion, whole groups, and the same for everybody."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit

from kresnet.data.stratified_split import fold_positions, held_out_positions

SKEWED = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [700, 200, 57, 3]))
GROUPS = np.random.default_rng(1).integers(0, 60, len(SKEWED))
LABELS = (np.random.default_rng(2).random((2000, 6)) < [0.002, 0.01, 0.05, 0.1, 0.3, 0.7]).astype(np.float32)


def counts(targets, positions=slice(None)):
    return np.bincount(targets[positions], minlength=targets.max() + 1)


@pytest.mark.parametrize("share", [0.1, 0.25, 1 / 3])
def test_a_share_has_as_many_of_each_class_as_scikit_learns(share):
    held_out = held_out_positions(SKEWED, None, share, seed=0)
    _, theirs = next(StratifiedShuffleSplit(1, test_size=share, random_state=0).split(SKEWED, SKEWED))
    assert abs(len(held_out) - len(theirs)) <= 1
    assert np.abs(counts(SKEWED, held_out) - counts(SKEWED, theirs)).max() <= 1
    assert (np.diff(held_out) > 0).all()


def test_folds_have_as_many_of_each_class_as_scikit_learns():
    folds = [fold_positions(SKEWED, None, fold, 5, seed=0) for fold in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(len(SKEWED)))
    theirs = [test for _, test in StratifiedKFold(5, shuffle=True, random_state=0).split(SKEWED[:960], SKEWED[:960])]
    ours, others = (np.array([counts(SKEWED, fold) for fold in each]) for each in (folds, theirs))
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(others, axis=0))


def test_no_class_of_two_examples_is_missing_on_either_side_and_a_single_one_is_trained_on():
    targets = np.array([0] * 90 + [1] * 2 + [2])
    held_out = held_out_positions(targets, None, 0.05, seed=3)
    assert (counts(targets, held_out) > 0).tolist() == [True, True, False]
    assert (counts(targets, np.setdiff1d(np.arange(93), held_out)) > 0).all()


def test_the_seed_alone_decides():
    first = held_out_positions(SKEWED, None, 0.1, seed=0)
    np.testing.assert_array_equal(first, held_out_positions(SKEWED.astype(np.int32), None, 0.1, seed=0))
    assert len(np.intersect1d(first, held_out_positions(SKEWED, None, 0.1, seed=1))) < 0.3 * len(first)
    # What runs of today hold out; a later version that draws otherwise would measure them on what they were trained on.
    assert held_out_positions(np.arange(40) % 3, None, 0.2, seed=5).tolist() == [1, 2, 10, 11, 18, 22, 24, 36]


def test_groups_stay_together_and_classes_in_proportion():
    held_out = held_out_positions(SKEWED, GROUPS, 0.2, seed=0)
    others = np.setdiff1d(np.arange(len(SKEWED)), held_out)
    assert not set(GROUPS[held_out]) & set(GROUPS[others])
    assert len(held_out) == pytest.approx(0.2 * len(SKEWED), rel=0.1)
    assert counts(SKEWED, held_out)[:2] / counts(SKEWED)[:2] == pytest.approx([0.2, 0.2], abs=0.04)
    named = np.array([f"patient {number}" for number in GROUPS])
    by_name = held_out_positions(SKEWED, named, 0.2, seed=0)  # text is as good as numbers
    assert not set(named[by_name]) & set(np.delete(named, by_name))


def test_group_folds_are_as_even_as_scikit_learns():
    folds = [fold_positions(SKEWED, GROUPS, fold, 5, seed=0) for fold in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(len(SKEWED)))
    assert sum(len(np.unique(GROUPS[fold])) for fold in folds) == 60
    theirs = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(SKEWED, SKEWED, GROUPS)
    unevenness = lambda parts: np.std([counts(SKEWED, part) for part in parts], axis=0).sum()  # noqa: E731
    assert unevenness(folds) < 1.5 * unevenness([test for _, test in theirs])


def test_a_group_larger_than_the_share_is_held_out_only_where_all_are():
    groups = np.repeat(["a", "b", "c"], [400, 350, 250])
    held_out = held_out_positions(np.zeros(1000, int), groups, 0.1, seed=0)
    assert set(groups[held_out]) == {"c"}
    assert len(held_out_positions(np.zeros(9, int), np.zeros(9, int), 0.1, seed=0)) == 0
    mostly_one = np.concatenate([np.zeros(500, int), np.arange(1, 501)])
    assert 80 <= len(held_out_positions(np.zeros(1000, int), mostly_one, 0.1, seed=0)) <= 120


def test_independent_labels_keep_their_share():
    """Sechidis et al. 2011: the rarest label, of which 5 are expected, is where plain drawing fails."""
    held_out = held_out_positions(LABELS, None, 0.25, seed=0)
    assert len(held_out) == pytest.approx(500, abs=5)
    assert np.abs(LABELS[held_out].sum(axis=0) - 0.25 * LABELS.sum(axis=0)).max() <= 1.5
