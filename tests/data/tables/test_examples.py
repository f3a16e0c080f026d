"""The rows of a table as examples: splits, files, groups, weights; everything that is wrong, told at once."""

import numpy as np
import pytest

from kresnet.data.tables.examples import read_examples
from kresnet.errors import KresnetError
from kresnet.spec.recipe import TableData


def rows(**columns):
    """Twelve rows of two classes, eight of them to train on."""
    return [
        {"image": f"{n}.png", "label": ("cat", "dog")[n % 2], "split": "train" if n < 8 else "test"}
        | {name: str(values[n]) for name, values in columns.items()}
        for n in range(12)
    ]


def table(path, **settings) -> TableData:
    settings = {"label": "label", "split": "split"} | settings
    return TableData(
        kind="table", path=str(path), **{key: value for key, value in settings.items() if value is not None}
    )


def problems_of(data):
    with pytest.raises(KresnetError) as caught:
        read_examples(data)
    return caught.value.problems


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_a_table_of_any_format_is_read_alike(make_table, pictures, name):
    examples = read_examples(table(make_table(rows(g=[n // 3 for n in range(12)], w=[n / 4 for n in range(12)]), name),
                                   group="g", weight="w"))  # fmt: skip
    assert examples.paths.to_pylist() == [f"{pictures}/{n}.png" for n in range(12)]
    assert (examples.sizes == [(pictures / f"{n}.png").stat().st_size for n in range(12)]).all()
    assert examples.positions("train").tolist() == list(range(8))
    assert examples.positions("test").tolist() == [8, 9, 10, 11]
    assert examples.targets.array.tolist() == [0, 1] * 6
    assert examples.groups.tolist() == [str(n // 3) for n in range(12)]
    assert examples.weights.tolist() == [n / 4 for n in range(12)]


def test_the_digest_follows_what_is_read_and_not_the_place(make_table, pictures, tmp_path_factory):
    same = rows()
    digest = read_examples(table(make_table(same))).digest()
    elsewhere = tmp_path_factory.mktemp("tables") / "other.csv"
    elsewhere.write_text(make_table(same).read_text())
    assert read_examples(table(elsewhere, root=str(pictures))).digest() == digest
    assert read_examples(table(make_table(rows(more=range(12))))).digest() == digest
    for changed in (same[:-1], [*same[:-1], same[-1] | {"label": "cat"}], [*same[:-1], same[-1] | {"split": "train"}]):
        assert read_examples(table(make_table(changed))).digest() != digest
    (pictures / "3.png").write_bytes(b"other")
    assert read_examples(table(make_table(same))).digest() != digest


def test_rows_of_other_splits_are_counted_and_not_read(make_table):
    some = rows()
    some[1]["split"], some[2]["split"], some[3]["split"] = "hold", "hold", ""
    some[2]["image"] = "missing.png"
    examples = read_examples(table(make_table(some)))
    assert len(examples.names) == 9
    assert examples.passed_over == {
        "other": {"rows of the split 'hold'": (2, "1.png"), "rows whose split is empty": (1, "3.png")}
    }


def test_a_split_is_named_as_the_table_has_it(make_table):
    some = [row | {"split": {"train": "Training", "test": "val"}[row["split"]]} for row in rows()]
    examples = read_examples(table(make_table(some), train_split="Training", test_split="val"))
    assert len(examples.positions("test")) == 4
    (problem,) = problems_of(table(make_table(some), train_split="Training"))
    assert (problem.code, problem.path, problem.expected) == (
        "data_empty", "recipe.data.test_split", "what the column split says: Training, val")  # fmt: skip


def test_a_share_to_test_on_is_stratified_and_the_same_each_time(make_table):
    path = make_table(rows())
    examples = read_examples(table(path, split=None, test_split=0.34))
    test = examples.positions("test")
    assert np.bincount(examples.targets.array[test]).tolist() == [2, 2]
    assert read_examples(table(path, split=None, test_split=0.34)).positions("test").tolist() == test.tolist()


def test_groups_stay_together_where_rows_are_divided(make_table):
    path = make_table(rows(g=[n // 4 for n in range(12)]))
    examples = read_examples(table(path, split=None, test_split=0.34, group="g"))
    test = examples.positions("test")
    assert 0 < len(test) < 12
    assert not set(examples.groups[test]) & set(examples.groups[examples.positions("train")])


def test_all_that_is_wrong_with_rows_is_told_at_once(make_table):
    some = rows(w=[1] * 12)
    some[1]["label"], some[2]["image"], some[3]["image"] = "", "gone.png", "2.png"
    some[4]["image"], some[9]["label"], some[10]["w"], some[11]["image"] = "", "lynx", "heavy", "3.png"
    some.append({"image": "0.png", "label": "dog", "split": "train", "w": "1"})
    found = problems_of(table(make_table(some), weight="w"))
    assert [(problem.place.line, problem.code, problem.message.partition(": ")[0]) for problem in found] == [
        (3, "data_mismatch", "Row 2, column label"),
        (4, "data_missing", "Row 3, column image"),
        (6, "data_mismatch", "Row 5, column image"),
        (11, "data_mismatch", "Row 10, column label"),
        (12, "data_mismatch", "Row 11, column w"),
        (14, "data_mismatch", "Row 13, column image"),
    ]
    last = found[-1]
    assert (last.expected, last.found) == ("cat", "dog")
    assert "0.png is listed in row 1 already" in last.message


def test_missing_files_are_left_to_the_run_where_they_are_to_be_skipped(make_table):
    some = rows()
    some[2]["image"] = "gone.png"
    assert read_examples(table(make_table(some), on_unreadable="skip")).sizes[2] == -1
    (problem,) = problems_of(table(make_table(some), root="nowhere", on_unreadable="skip"))
    assert (problem.code, problem.path) == ("data_missing", "recipe.data.root")


def test_an_image_may_be_listed_twice_as_the_same(make_table):
    assert read_examples(table(make_table([*rows(), rows()[0]]))).same == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weight": "w"}, "All weights"),
        ({"group": "g"}, "there is no group"),
        ({"label": None, "labels": "label", "classes": ["cat"]}, "`classes` does not name the label 'dog'"),
        ({"split": None, "test_split": 0.01, "group": "one"}, "too few groups"),
    ],
)
def test_what_else_is_refused(make_table, settings, says):
    path = make_table(rows(w=[0] * 12, g=[""] * 12, one=[1] * 12))
    assert says in problems_of(table(path, **settings))[0].message


def test_a_column_of_lists_is_no_label(make_table):
    path = make_table([row | {"label": [row["label"]]} for row in rows()], "t.jsonl")
    assert problems_of(table(path))[0].path == "recipe.data.label"


def test_an_empty_table_is_told(make_table):
    assert problems_of(table(make_table("image,label,split\n")))[0].code == "data_empty"
