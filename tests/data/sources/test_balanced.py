"""What a recipe makes of skewed training examples: weights, draws, what the loss takes, and what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kresnet.data.description import DataDescription
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.balanced import (
    balance_examples,
    balance_remarks,
    count_training_classes,
    loss_balance,
)
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Recipe

#: Of 60 training examples.
COUNTS = (40, 17, 3)


def recipe_of(path, **settings) -> Recipe:
    base = {"name": "r", "data": {"kind": "arrays", "path": str(path)}, "epochs": 1, "batch_size": 16}
    return Recipe.model_validate(base | {"optimizer": {"kind": "sgd"}} | settings)


@pytest.fixture
def path(tmp_path):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), COUNTS))
    inputs = np.zeros((60, 2), np.float32)
    inputs[:, 0] = np.arange(60)
    arrays = {"train_inputs": inputs, "train_targets": labels, "test_inputs": inputs[:3], "test_targets": np.arange(3)}
    np.savez(tmp_path / "data.npz", **arrays, class_names=np.array(["Bag", "Coat", "Dress"]))
    return tmp_path / "data.npz"


@pytest.fixture
def data(path) -> DataSet:
    return open_data(recipe_of(path).data, Input(shape=(2,)), 0)


def described(data: DataSet, recipe: Recipe) -> DataDescription:
    return replace(data.description, class_counts=count_training_classes(recipe, data))


def test_without_a_wish_all_count_alike_and_skew_is_told(data, path):
    recipe = recipe_of(path)
    balance = balance_examples(recipe, data)
    assert (balance.weights, balance.draws) == (None, None)
    (remark,) = balance_remarks(recipe, described(data, recipe))
    assert "3 training examples of Dress, 40 of Bag" in remark
    assert "recipe.class_weights=balanced" in remark
    assert "recipe.sampling=balanced" in remark
    assert balance_remarks(recipe, replace(described(data, recipe), class_counts=(40, 17, 4))) == ()  # a tenth
    labels = replace(described(data, recipe), targets="labels")
    assert "kind: asymmetric" in balance_remarks(recipe, labels)[0]


def test_weights_of_classes_and_of_examples_are_multiplied(data, path):
    recipe = recipe_of(path, class_weights={"Dress": 5.0})
    labels = data.train.targets()
    np.testing.assert_array_equal(balance_examples(recipe, data).weights, np.where(labels == 2, 5.0, 1.0))
    data.train.source.weights = np.linspace(0, 1, 60).astype(np.float32)  # as a table's column gives them
    weights = balance_examples(recipe, data).weights
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, np.linspace(0, 1, 60) * np.where(labels == 2, 5.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose(balance_examples(recipe_of(path), data).weights, np.linspace(0, 1, 60), rtol=1e-6)
    threshold = recipe_of(path, loss={"kind": "sigmoid", "target_threshold": 0.0})
    with pytest.raises(KresnetError, match="target_threshold"):
        balance_examples(threshold, data)


def test_draws_and_weights_are_told_with_the_length_of_an_epoch(data, path):
    drawing = recipe_of(path, sampling="balanced")
    drawn = balance_examples(drawing, data).draws.positions(0, 0, 3000)
    np.testing.assert_allclose(np.bincount(data.train.targets()[drawn]), 1000, atol=100)
    (remark,) = balance_remarks(drawing, described(data, drawing))
    assert remark == ("An epoch draws 48 images with replacement, on average of each class: Bag 16, Coat 16, Dress 16.")
    weighing = recipe_of(path, class_weights="balanced")
    (remark,) = balance_remarks(weighing, described(data, weighing))
    assert remark == "Class weights: Bag 0.5, Coat 1.18, Dress 6.67."


def test_the_loss_takes_the_prior_of_the_training_split_or_the_weights_of_labels(data, path):
    adjusting = recipe_of(path, loss={"kind": "softmax", "logit_adjustment": 2.0})
    found = loss_balance(adjusting, described(data, adjusting))["logit_offsets"]
    np.testing.assert_allclose(found, 2 * np.log(np.array(COUNTS) / 60), rtol=1e-6)
    missing = replace(described(data, adjusting), class_counts=(40, 20, 0))
    assert np.isfinite(loss_balance(adjusting, missing)["logit_offsets"]).all()
    weighing = recipe_of(path, class_weights="balanced")
    classes = described(data, weighing)
    assert loss_balance(weighing, classes) == {}  # examples have the weights
    found = loss_balance(weighing, replace(classes, targets="labels"))["presence_weights"]
    np.testing.assert_allclose(found, [20 / 40, 43 / 17, 57 / 3], rtol=1e-6)
    assert "presence" in balance_remarks(weighing, replace(classes, targets="labels"))[0]


def test_many_records_are_not_read_for_a_remark_alone(data, path, monkeypatch):
    monkeypatch.setattr(type(data.train), "distinct_targets", lambda split, classes: None)
    assert count_training_classes(recipe_of(path), data) == ()
    assert count_training_classes(recipe_of(path, class_weights="balanced"), data) == COUNTS
    assert balance_remarks(recipe_of(path), data.description) == ()
