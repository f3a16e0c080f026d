"""Images are counted without TensorFlow, and as TensorFlow Datasets counts them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kresnet.spec.loading import load_recipe
from kresnet.spec.recipe import TfdsData
from kresnet.study.dataset_sizes import training_image_count


def test_images_are_counted_where_they_can_be(tmp_path, monkeypatch):
    def images(**data: Any) -> int | None:
        return training_image_count(load_recipe("cifar_fast", [f"data={json.dumps(data)}"]).value.data)

    assert images(kind="embedded") == 9000
    assert images(kind="embedded", validation=0.15) == 7650
    assert images(kind="embedded", fold={"fold": 7, "folds": 7}) == 9000 - 1285
    np.savez(tmp_path / "a.npz", train_targets=np.zeros(7, int))
    assert images(kind="arrays", path=str(tmp_path / "a.npz")) == 7
    assert images(kind="arrays", path=str(tmp_path / "b.npz")) is None
    assert images(kind="folder", path=str(tmp_path)) is None
    info = {"splits": [{"name": "train", "shardLengths": ["600", "401"]}, {"name": "test", "shardLengths": ["9"]}]}
    folder = tmp_path / "digits/1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(json.dumps(info))
    here = {"kind": "tfds", "name": "digits", "data_dir": str(tmp_path)}
    assert images(**here) == 1001
    assert images(**here, train_split="train[:10%]") == 100
    assert images(**here, train_split="train[-1:]") == 1
    assert images(**here, train_split="train[90%:2000]") == 100
    assert images(**here, train_split="train+test") is None
    assert images(**here | {"name": "letters"}) is None


def test_slices_are_those_of_tensorflow_datasets(shared_data):
    import tensorflow_datasets as tfds

    folder = shared_data / "tfds"
    splits = tfds.core.read_only_builder.builder_from_files("fashion_mnist", data_dir=folder).info.splits
    for split in ("train", "test[:7%]", "train[33%:67%]", "train[-3%:]", "train[:999]", "test[1%:-1%]"):
        data = TfdsData(kind="tfds", name="fashion_mnist", train_split=split, data_dir=str(folder))
        assert training_image_count(data) == splits[split].num_examples
