"""A table as a data set: the images and targets that training reads."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources import open_data
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.table import text_tensor
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import Augment, TableData
from tests.data.tables.test_examples import rows, table

INPUT = Input(shape=(8, 8, 3), pixels=Pixels())


def labelled(n: int) -> dict[str, str]:
    return {"image": f"{n}.png", "tags": "|".join(["even"] * (n % 2 == 0) + ["third"] * (n % 3 == 0)),
            "x": str(n / 2), "y": str(-n), "split": "train" if n < 8 else "test"}  # fmt: skip


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize(
    ("settings", "kind", "target"),
    [
        ({"label": "tags", "classes": ["even|third", "third", "even"]}, "classes", None),
        ({"labels": "tags"}, "labels", lambda n: [n % 2 == 0, n % 3 == 0]),
        ({"values": ["x", "y"]}, "values", lambda n: [n / 2, -n]),
    ],
)
def test_images_stand_beside_their_targets(make_table, pictures, settings, kind, target, fits):
    some = [labelled(n) for n in range(12) if kind != "classes" or n % 6 in (0, 2, 3)]
    data = open_data(table(make_table(some), **({"label": None} | settings)), INPUT, 0)
    assert data.targets.kind == kind
    data.train._fits = fits
    ((images, targets),) = evaluation_batches(data.train, 100)
    trained = [int(row["image"][:-4]) for row in some if row["split"] == "train"]
    np.testing.assert_array_equal(images, [np.asarray(Image.open(pictures / f"{n}.png")) for n in trained])
    if kind == "classes":
        assert (targets.dtype, targets.numpy().tolist()) == (tf.int32, [0, 2, 1, 0])
    else:
        assert targets.dtype == tf.float32
        np.testing.assert_array_equal(targets, np.array([target(n) for n in trained], np.float32))
    assert data.train.example_name(0) == "0.png"
    steps = training_batches(data.train, augment=Augment(flip=True), classes=3, batch_size=3, seed=1, start_step=0,
                             stop_step=1)  # fmt: skip
    ((images, targets),) = steps
    numbers = images.numpy()[:, 0, [0, -1], 0].min(axis=1)
    assert set(numbers) <= set(trained)


def test_a_table_stands_for_a_folder(make_table):
    data = open_data(table(make_table(rows())), INPUT, 0)
    assert (data.class_names, len(data.train), len(data.test)) == (("cat", "dog"), 8, 4)
    assert data.description.train_images == 8
    assert data.train.distinct_targets(2).tolist() == [0, 1] * 4
    assert inspect_data(data) == ()


def test_an_image_in_two_splits_is_refused(make_table):
    with pytest.raises(KresnetError) as caught:
        inspect_data(open_data(table(make_table([*rows(), rows()[0] | {"split": "test"}])), INPUT, 0))
    assert caught.value.problems[0].code == "contradiction"


@pytest.mark.parametrize("settings", [{"validation": 0.25}, {"fold": {"fold": 2, "folds": 4}}], ids=str)
@pytest.mark.parametrize("kind", ["label", "labels", "values"])
def test_rows_are_held_out_for_validation_with_their_groups(make_table, settings, kind):
    some = rows(g=[n // 2 for n in range(12)], v=range(12))
    columns = {"label": {}, "labels": {"label": None, "labels": "label"}, "values": {"label": None, "values": "v"}}
    data = open_data(table(make_table(some), group="g", **columns[kind], **settings), INPUT, 0)
    assert (len(data.train), len(data.validation), len(data.test)) == (6, 2, 4)
    assert not set(data.train.groups()) & set(data.validation.groups())
    ((images, _),) = evaluation_batches(data.validation, 10)
    assert images.numpy()[:, 0, 0, 0].tolist() == [int(data.validation.example_name(n)[:-4]) for n in (0, 1)]


def test_a_split_of_the_table_is_validated_on(make_table):
    some = [row | {"split": "val" if n in (2, 3) else row["split"]} for n, row in enumerate(rows())]
    data = open_data(table(make_table(some), validation="val"), INPUT, 0)
    assert [data.validation.example_name(n) for n in range(len(data.validation))] == ["2.png", "3.png"]
    assert inspect_data(data) == ()


def test_groups_in_two_splits_are_told(make_table):
    data = open_data(table(make_table(rows(g=[n % 9 for n in range(12)])), group="g"), INPUT, 0)
    (remark,) = inspect_data(data)
    assert remark.startswith("3 groups have training examples and test examples, such as 0")


def test_weights_follow_the_rows(make_table):
    data = open_data(table(make_table(rows(w=range(12))), weight="w", validation=0.25), INPUT, 0)
    names = [int(data.train.example_name(n)[:-4]) for n in range(len(data.train))]
    assert data.train.weights().tolist() == names


def test_one_hot_labels_are_known(make_table):
    some = [row | {"a": n % 2, "b": 1 - n % 2} for n, row in enumerate(rows())]
    assert open_data(table(make_table(some), label=None, labels=["a", "b"]), INPUT, 0).targets.one_hot


def test_what_cannot_be_read_is_left_out_by_name(make_table, pictures):
    (pictures / "3.png").write_bytes(b"no image")
    some = rows()
    some[5]["image"] = "gone.png"
    data = open_data(table(make_table(some), on_unreadable="skip"), INPUT, 0)
    assert data.skipped == {"train": ["3.png", "gone.png"]}
    assert len(data.train) == 6
    with pytest.raises(KresnetError) as caught:
        open_data(table(make_table(rows())), INPUT, 0).train.load()
    assert [problem.code for problem in caught.value.problems] == ["image_unreadable"]


def test_repeated_rows_are_told(make_table):
    data = open_data(table(make_table([*rows(), rows()[0]])), INPUT, 0)
    assert "1 rows list an image" in data.description.remarks[0]


def test_text_becomes_a_tensor(make_table):
    import pyarrow as pa

    texts = ["a", "", "ä/b.png"]
    assert [each.decode() for each in text_tensor(pa.array(texts, pa.large_string())).numpy()] == texts
    assert text_tensor(pa.array([], pa.large_string())).shape == (0,)


def test_the_recipe_names_the_kind():
    with pytest.raises(KresnetError) as caught:
        open_data(TableData(kind="table", path="nowhere.csv", label="a", split="b"), INPUT, 0)
    assert caught.value.problems[0].path == "recipe.data.path"
