"""The skewed data of the benchmark: which classes are rare, and by how much; the table of its results."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.skewed import COMMON, SETTINGS, SPEC, draw_positions, skewed_counts, table
from kresnet.plan.resolved_recipe import resolve_recipe
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe


def test_two_classes_are_rare_and_the_seed_says_which():
    counts = skewed_counts(10, 0)
    assert sorted(counts) == [COMMON // 100, COMMON // 20, *[COMMON] * 8]
    np.testing.assert_array_equal(counts, skewed_counts(10, 0))
    assert len({tuple(skewed_counts(10, seed)) for seed in range(3)}) == 3


def test_as_many_different_examples_of_each_class_are_drawn_as_wanted():
    labels = np.random.default_rng(0).integers(0, 3, 500)
    positions = draw_positions(labels, np.array([5, 100, 20]), 1)
    np.testing.assert_array_equal(np.bincount(labels[positions]), [5, 100, 20])
    assert len(np.unique(positions)) == 125
    np.testing.assert_array_equal(positions, draw_positions(labels, np.array([5, 100, 20]), 1))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_one_that_a_run_takes(name):
    from benchmarks.skewed import RECIPE
    from kresnet.plan import make_plan

    recipe = Recipe.model_validate(RECIPE | SETTINGS[name] | {"data": {"kind": "arrays", "path": "skewed.npz"}})
    assert resolve_recipe(recipe, make_plan(Spec.model_validate(SPEC)), 125).epochs == RECIPE["epochs"]


def test_the_table_has_means_and_deviations_in_percent():
    runs = [{"accuracy": a, "balanced_accuracy": a, "macro_f1": 0.5, "auroc_macro": 1.0} for a in (0.7, 0.8, 0.9)]
    assert table({"nothing": runs})[2] == "| nothing | 80.0 ± 10.0 | 80.0 ± 10.0 | 50.0 ± 0.0 | 100.0 ± 0.0 |"
