"""What `--data` names is what a recipe says under `data`."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.recipe.data_reference import read_data_reference


@pytest.mark.parametrize(
    ("reference", "document"),
    [
        ("folder:a/b c", {"kind": "folder", "path": "a/b c"}),
        ("folder:C:/x", {"kind": "folder", "path": "C:/x"}),
        ("table:labels.csv", {"kind": "table", "path": "labels.csv"}),
        ("tfds:cifar10:3.0.2", {"kind": "tfds", "name": "cifar10:3.0.2"}),
        ("arrays:x.npz", {"kind": "arrays", "path": "x.npz"}),
        ("embedded", {"kind": "embedded"}),
        ("labels.PARQUET", {"kind": "table", "path": "labels.PARQUET"}),
        ("x.npz", {"kind": "arrays", "path": "x.npz"}),
        ("cifar10", {"kind": "tfds", "name": "cifar10"}),
        ("fashion_mnist:3.0.1", {"kind": "tfds", "name": "fashion_mnist:3.0.1"}),
    ],
)
def test_a_reference_says_kind_and_place(reference, document):
    assert read_data_reference(reference) == document


def test_a_folder_needs_no_kind_and_a_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_data_reference(str(tmp_path)) == {"kind": "folder", "path": str(tmp_path)}
    assert read_data_reference("folder:~/pictures") == {"kind": "folder", "path": f"{tmp_path}/pictures"}


@pytest.mark.parametrize("reference", ["", "folder:", "tfds:", "foldr:x"])
def test_what_names_no_data_is_refused_with_the_forms(reference):
    with pytest.raises(KresnetError) as caught:
        read_data_reference(reference)
    (problem,) = caught.value.problems
    assert problem.code == "bad_option"
    assert "folder:PATH" in problem.expected
    assert problem.nearest == ("folder" if reference == "foldr:x" else "")
