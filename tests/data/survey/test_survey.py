"""Data of any kind, named in one word; and what is written of them."""

import csv

import pytest
from PIL import Image

from kresnet.data.survey.survey import survey_data, write_survey
from kresnet.data.tables.examples import read_examples
from kresnet.errors import KresnetError
from kresnet.spec.recipe import TableData
from tests.data.tables.test_examples import rows


def problem_of(call, *arguments):
    with pytest.raises(KresnetError) as caught:
        call(*arguments)
    return caught.value.problems[0]


def test_each_kind_is_told_by_its_name(make_table, make_folder):
    assert survey_data(str(make_table(rows()))).kind == "table"
    assert survey_data(str(make_folder(train={"a": 1, "b": 1}, test={"a": 1, "b": 1}))).kind == "folder"
    assert survey_data("embedded").kind == "embedded"
    assert problem_of(survey_data, "folder:nowhere").code == "data_missing"
    assert problem_of(survey_data, "nowhere.csv").code == "data_missing"


def test_only_settings_of_data_are_taken(make_table):
    path = str(make_table(rows()))
    assert survey_data(path, {"recipe.data.label": "image"}).settings["label"] == "image"
    for other in ("recipe.epochs=3", "head.classes=2"):
        assert problem_of(survey_data, path, [other]).code == "bad_override"


def test_a_folder_without_splits_becomes_a_table_that_can_be_trained_on(make_folder, tmp_path):
    root = make_folder(**{"a, b": {"": 4}, "ä": {"": 4}})
    survey = survey_data(str(root))
    assert survey.problems[0].remedy.startswith(f"kresnet data {root} -o images.csv")
    write_survey(survey, tmp_path / "tables" / "images.csv")
    written = list(csv.DictReader((tmp_path / "tables" / "images.csv").open()))
    assert written[0] == {"image": "../pictures/a, b/000.png", "label": "a, b"}
    found = survey_data(str(tmp_path / "tables" / "images.csv"))
    assert (found.problems, found.classes) == ((), ("a, b", "ä"))
    examples = read_examples(TableData.model_validate(found.settings))
    assert [len(examples.positions(name)) for name in ("train", "test")] == [6, 2]


def test_a_table_of_a_folder_with_splits_names_them(make_folder, tmp_path):
    write_survey(survey_data(str(make_folder(train={"a": 1}, test={"a": 1}))), tmp_path / "images.csv")
    assert (tmp_path / "images.csv").read_text() == (
        "image,label,split\npictures/train/a/000.png,a,train\npictures/test/a/000.png,a,test\n"
    )


def test_pictures_are_written_and_nothing_is_overwritten(make_table, tmp_path):
    survey = survey_data(str(make_table(rows())))
    write_survey(survey, tmp_path / "grid.png")
    assert Image.open(tmp_path / "grid.png").size == (4 * 102 + 6, 2 * 120 + 6)
    assert problem_of(write_survey, survey, tmp_path / "grid.png").code == "output_exists"
    for name in ("grid.jpg", "grid.csv", "grid"):
        assert problem_of(write_survey, survey, tmp_path / name).code == "bad_option"
