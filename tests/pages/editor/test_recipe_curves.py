"""A recipe's curves: the schedule's own numbers, and images counted in the folder alone."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.pages.editor.document_file import DocumentFile, load_network
from kresnet.pages.editor.recipe_curves import describe_recipe, describe_strength, images_in_reach
from kresnet.spec.loading import load_recipe

RECIPE = "extends: quickstart\nname: mine\nbatch_size: 100\nepochs: 2\n"


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return DocumentFile("recipe", None)


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = DocumentFile("spec", "quickstart")
    return load_network(file, file.read().text).loaded


def test_a_recipe_is_told_in_steps_with_its_learning_rate(recipe, spec):
    found = describe_recipe(recipe, RECIPE, spec, 1)
    assert found["line"].endswith("steps of 100 images")
    assert "(counted)" in found["figures"]
    assert 'data-plot="learning-rate"' in found["figures"]
    assert "kresnet fit quickstart --recipe" in found["command"]


def test_the_strength_of_what_changes_nothing_is_none(recipe, spec):
    unchanged = RECIPE + "augment: {crop_padding: 0, flip: false}\n"
    assert "not changed" in describe_strength(recipe, unchanged, spec)["figures"]
    assert 'data-plot="strength"' in describe_strength(recipe, RECIPE + "augment: {flip: true}\n", spec)["figures"]


def test_images_are_counted_in_the_folder_alone(tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        np.savez(folder / "data.npz", train_images=np.zeros((5, 2, 2, 1), np.uint8), train_targets=np.zeros(5, int))
    monkeypatch.chdir(inside)

    def data(path):
        return load_recipe("quickstart", {"data": {"kind": "arrays", "path": path}}).value.data

    assert images_in_reach(data("data.npz"), inside) == 5
    for path in (str(outside / "data.npz"), "../out/data.npz"):
        assert images_in_reach(data(path), inside) is None
