"""A survey as it is printed."""

from kresnet.cli.data_tables import print_survey
from kresnet.data.survey.copies import Copies
from kresnet.data.survey.data_survey import DataSurvey, SplitSurvey
from kresnet.data.survey.image_headers import ImageHeaders
from kresnet.errors import Problem


def test_everything_that_was_found_is_printed(capsys):
    survey = DataSurvey(
        "pictures",
        "folder",
        {"kind": "folder", "path": "pictures"},
        "classes",
        splits={"train": SplitSurvey(5, {"cat": 4, "dog": 1}), "test": SplitSurvey(1, {"cat": 1, "dog": 0})},
        headers=ImageHeaders(
            8, {"PNG": 7}, {"RGB": 6, "grey": 1}, {(n, 4): 1 for n in range(1, 8)}, {6: 2}, {"a.png": "is empty"}
        ),
        copies=Copies(8, (("a", "b"),), (("a", "b"),), (("a", "b"),)),
        passed_over={"train": {"hidden files and folders": (2, ".DS_Store")}},
        notes=["No image of test is of dog."],
        sampled=["8 of 9 files were opened, evenly spread."],
    )
    print_survey(survey)
    out = capsys.readouterr().out
    for text in (
        "pictures: a folder of images, 2 classes",
        "dog          1      0",
        "images       5      1",
        "sizes: 7 different ones, 1 to 7 x 4 to 4 pixels (width x height); most often 1 x 4: 1",
        "modes: RGB: 6, grey: 1",
        "EXIF orientations: 6: 2",
        "not readable: 1 of 8: a.png: is empty",
        "copies: 1 of 8 files, 1 times across splits, 1 times of other classes: a = b",
        "not read (train): 2 hidden files and folders, such as .DS_Store",
        "No image of test is of dog.",
        "8 of 9 files were opened",
        "to train on it: kresnet fit SPEC --set 'recipe.data={kind: folder, path: pictures}' --set head.classes=2",
    ):
        assert text in out


def test_of_many_classes_the_ends_are_shown(capsys):
    counts = {f"class{n}": n for n in range(1, 101)}
    print_survey(DataSurvey("x", "folder", {}, "classes", splits={"train": SplitSurvey(5050, counts)}))
    out = capsys.readouterr().out
    assert "80 more" in out
    assert "class100" in out
    assert "class1 " in out
    assert "class50" not in out


def test_problems_stand_in_place_of_a_command(capsys):
    problem = Problem("data_missing", "No splits.", remedy="make some")
    print_survey(DataSurvey("x", "folder", {}, problems=[problem]))
    out = capsys.readouterr().out
    assert "No splits. [data_missing]\n  try: make some" in out
    assert "to train" not in out
