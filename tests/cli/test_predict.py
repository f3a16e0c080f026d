"""What `predict` prints and with which status it ends, with and without images that cannot be read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from kresnet.cli.main import main
from tests.evaluation.runs import with_model


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("predict")
    with_model(home / "run")
    (home / "scans").mkdir()
    for number in range(2):
        Image.fromarray(np.full((9, 9), 90 * number, np.uint8)).save(home / "scans" / f"{number}.png")
    (home / "bad.png").write_bytes(b"hello")
    return home


def predict(home, capsys, *arguments):
    """The exit status, and what is printed on stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(home / "run"), *(str(each) for each in arguments)])
    return ended.value.code or 0, *capsys.readouterr()


def test_answers_are_printed_and_then_what_could_not_be_read(home, capsys):
    status, out, told = predict(home, capsys, home / "bad.png", home / "scans")
    assert status == 2
    assert [line.partition(": ")[0] for line in out.splitlines()] == [str(home / f"scans/{n}.png") for n in range(2)]
    assert "bad.png is not an image" in told
    assert "[image_unreadable]" in told


def test_json_is_one_object_that_tells_problems_too(home, capsys):
    status, out, _ = predict(home, capsys, "--json", home / "scans")
    assert status == 0
    assert list(json.loads(out)) == ["predictions"]
    status, out, told = predict(home, capsys, "--json", home / "bad.png", home / "scans/*.png")
    printed = json.loads(out)
    assert status == 2
    assert len(printed["predictions"]) == 2
    assert printed["problems"][0]["code"] == "image_unreadable"
    assert "[image_unreadable]" in told
    status, out, _ = predict(home, capsys, "--json", home / "bad.png")
    assert (status, list(json.loads(out))) == (2, ["problems"])


def test_a_file_has_a_row_for_each_image_and_the_status_says_whether_all_were_read(home, capsys, tmp_path):
    status, out, told = predict(home, capsys, home / "scans", "-o", tmp_path / "all.csv")
    assert (status, out) == (0, "")
    assert "2 images" in told
    status, out, told = predict(home, capsys, home / "scans", home / "bad.png", "-o", tmp_path / "some.csv", "--json")
    assert status == 1
    assert json.loads(out)["unreadable"] == 1
    assert "1 could not be read" in told
    assert len((tmp_path / "some.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["-o", "p.xlsx", "scans"], "bad_option"), (["none/*.png"], "file_missing"), (["none.txt"], "file_missing")],
)
def test_what_cannot_begin_is_refused(home, capsys, arguments, code, monkeypatch):
    monkeypatch.chdir(home)
    status, out, told = predict(home, capsys, *arguments)
    assert (status, out) == (2, "")
    assert f"[{code}]" in told
