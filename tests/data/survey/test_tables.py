"""Tables as they are found."""

import pytest

from kresnet.data.sources import open_data
from kresnet.data.survey import tables
from kresnet.data.survey.tables import survey_table
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import TableData
from tests.data.tables.test_examples import rows


def surveyed(path, **stated):
    overrides = [f"data.{name}={value}" for name, value in stated.items()]
    return survey_table(path, {"kind": "table", "path": str(path)}, stated, overrides)


def test_what_a_survey_says_is_what_a_run_reads(make_table):
    survey = surveyed(make_table(rows(g=[n // 3 for n in range(12)]), "t.parquet"), group="g")
    assert survey.settings == {"kind": "table", "path": survey.name, "label": "label", "split": "split", "group": "g"}
    data = open_data(TableData.model_validate(survey.settings), Input(shape=(8, 8, 3), pixels=Pixels()), 0)
    assert (survey.targets, survey.classes) == ("classes", data.class_names)
    assert {name: split.images for name, split in survey.splits.items()} == {"train": 8, "test": 4}
    assert survey.splits["train"].classes == {"cat": 4, "dog": 4}
    assert survey.headers.only_size == (8, 8)
    assert "4 groups, the largest of 3 images." in survey.notes
    assert len(survey.pictures["dog"]) == 4
    assert survey.problems == ()


def test_problems_of_rows_are_told_and_the_rest_is_shown(make_table):
    some = rows()
    some[1]["image"] = "gone.png"
    survey = surveyed(make_table(some))
    assert [problem.place.line for problem in survey.problems] == [3]
    assert survey.headers.unreadable == {"gone.png": "there is no such file"}
    some[2]["label"] = ""
    survey = surveyed(make_table(some))
    assert [problem.place.line for problem in survey.problems] == [3, 4]
    assert survey.splits == {}


def test_labels_and_values_have_their_words(make_table):
    some = [row | {"label": "a|b" if n % 2 else "a", "age": n / 2} for n, row in enumerate(rows())]
    survey = surveyed(make_table(some), labels="label")
    assert (survey.targets, dict(survey.splits["train"].classes)) == ("labels", {"a": 8, "b": 4})
    assert "head.multi_label=true" in survey.overrides()
    survey = surveyed(make_table(some), values="age")
    assert (survey.targets, survey.values, survey.classes) == ("values", 1, ())
    assert list(survey.pictures) == ["all"]
    assert "head={kind: regressor, outputs: 1}" in survey.overrides()


def test_a_table_without_targets_asks_for_them(make_table):
    survey = surveyed(make_table([{"image": row["image"], "split": row["split"]} for row in rows()]))
    assert "recipe.data.label=COLUMN" in survey.problems[0].remedy
    with pytest.raises(KresnetError):
        surveyed(make_table(rows()), lable="label")


def test_of_a_long_table_files_are_not_looked_for_one_by_one(make_table, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_LOOKED_FOR", 3)
    monkeypatch.setattr(tables, "MOST_HEADERS", 4)
    some = [row | {"image": f"gone{n}.png"} for n, row in enumerate(rows())]
    survey = surveyed(make_table(some))
    assert survey.sampled == ["4 of 12 files were opened, evenly spread."]
    assert "None of the 4 images" in survey.problems[0].message
