"""What a recipe says of prepared data."""

import pytest
from pydantic import ValidationError

from kresnet.spec.recipe import PreparedData, Recipe

PLAIN = {"kind": "prepared", "path": "shards"}


def test_defaults():
    data = PreparedData(**PLAIN)
    assert (data.train_split, data.test_split, data.validation, data.order) == ("train", "test", None, "random")
    assert PreparedData(**PLAIN, order="windowed", window_shards=8).window_shards == 8


@pytest.mark.parametrize(
    "fields", [{"order": "sorted"}, {"window_shards": 8}, {"order": "windowed", "window_shards": 0}, {"root": "x"}]
)
def test_refusals(fields):
    with pytest.raises(ValidationError):
        PreparedData(**PLAIN, **fields)


def test_draws_from_anywhere_and_shards_in_sequence_exclude_each_other():
    recipe = {"name": "x", "data": PLAIN | {"order": "windowed"}, "epochs": 1, "batch_size": 8,
              "optimizer": {"kind": "sgd", "learning_rate": 0.1}}  # fmt: skip
    Recipe.model_validate(recipe)
    with pytest.raises(ValidationError, match="draws images from anywhere"):
        Recipe.model_validate(recipe | {"sampling": "balanced"})
