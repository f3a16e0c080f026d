"""Folders as they are found: with splits, without, with something else in them."""

import pytest
from PIL import Image

from kresnet.data.survey import data_survey, folders
from kresnet.data.survey.folders import survey_folder
from kresnet.errors import KresnetError

SETTINGS = {"kind": "folder"}


@pytest.fixture
def root(image_folder):
    (image_folder / "train" / "cat" / "notes.txt").write_text("x")
    (image_folder / "test" / "dog" / "broken.png").write_bytes(b"x")
    (image_folder / "raw").mkdir()
    Image.open(image_folder / "train/cat/000.png").save(image_folder / "test/dog/copy.png")
    return image_folder


def test_a_folder_with_splits_is_read_as_it_is(root):
    survey = survey_folder(root, SETTINGS | {"path": str(root)}, {})
    assert survey.settings == {"kind": "folder", "path": str(root)}
    assert {name: (split.images, dict(split.classes)) for name, split in survey.splits.items()} == {
        "train": (11, {"cat": 6, "dog": 5}),
        "test": (6, {"cat": 2, "dog": 4}),
    }
    assert survey.problems == []
    assert survey.headers.read == 17
    assert survey.headers.unreadable == {"test/dog/broken.png": "is not an image that can be read"}
    assert survey.copies.across == (("train/cat/000.png", "test/dog/copy.png"),)
    assert survey.copies.contradictory == survey.copies.across
    assert survey.passed_over["train"] == {"files ending in .txt": (1, "cat/notes.txt")}
    assert survey.passed_over["other"] == {"folders that are no split": (1, "raw")}
    assert [path.name for path in survey.pictures["cat"]] == [f"{n:03}.png" for n in range(6)]
    assert survey.sampled == []


def test_splits_of_other_names_are_recognised(make_folder):
    root = make_folder(Training={"a": 1, "b": 1}, val={"a": 1, "b": 1})
    survey = survey_folder(root, SETTINGS, {})
    assert (survey.settings["train_split"], survey.settings["test_split"]) == ("Training", "val")
    root = make_folder(test={"a": 1, "b": 1})
    assert survey_folder(root, SETTINGS, {}).settings["validation"] == "val"
    assert "validation" not in survey_folder(root, SETTINGS, {"validation": 0.1}).settings


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        ({"train": {"a": 2, "b": 1}}, "none to test on"),
        ({"a": {"": 2}, "b": {"": 1}}, "one folder a class, and no splits"),
        ({"": {"": 2}}, "images without classes"),
        ({"train": {"a": 2, "b": 1}, "test": {"a": 1}}, "do not hold the same classes"),
        ({"train": {"a": 2, "b": 0}, "test": {"a": 1, "b": 1}}, "holds no images"),
    ],
)
def test_what_stands_in_the_way_is_told(tmp_path, splits, says):
    for split, classes in splits.items():
        for name, count in classes.items():
            folder = tmp_path / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{number}.png")
    survey = survey_folder(tmp_path, SETTINGS, {})
    assert says in survey.problems[0].message
    assert sum(split.images for split in survey.splits.values()) == sum(sum(each.values()) for each in splits.values())


def test_of_many_files_an_even_part_is_opened(root, monkeypatch):
    monkeypatch.setattr(folders, "MOST_HEADERS", 5)
    survey = survey_folder(root, SETTINGS, {})
    assert survey.headers.read == 5
    assert survey.sampled == ["5 of 17 files were opened, evenly spread."]
    assert data_survey.MOST_HEADERS == 10_000


def test_a_folder_that_is_not_there_is_refused(root):
    with pytest.raises(KresnetError) as caught:
        survey_folder(root.with_name("picture"), SETTINGS, {})
    assert caught.value.problems[0].nearest == "pictures"
