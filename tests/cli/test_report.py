"""The verbs that write pages, as a user types them."""

import json
import sys

import pytest

from kresnet.errors import CODES
from tests.cli.test_main import run as typed
from tests.command import kresnet
from tests.report.recorded_runs import made


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "a")
    made(tmp_path / "b", recipe={"seed": 1})
    return tmp_path


def test_the_page_is_written_and_nothing_else(home, capsys):
    before = sorted(path.name for path in (home / "a").iterdir())
    assert typed("report", "a", "-o", "pages/a.html") == 0
    assert typed("compare", "a", "b") == 0
    assert (home / "pages/a.html").read_text().startswith("<!doctype html>")
    assert "2 runs compared" in (home / "compare.html").read_text()
    assert sorted(path.name for path in (home / "a").iterdir()) == before
    out, err = capsys.readouterr()
    assert out == ""
    assert "Written to pages/a.html" in err


def test_json_is_the_gathered_data_and_writes_no_page(home, capsys):
    assert typed("report", "a", "--json") == 0
    assert json.loads(capsys.readouterr().out)["plan"]["name"] == "tiny"
    assert typed("compare", "a", "b", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["comparison"]["recipe"] == {"seed": {"a": "0", "b": "1"}}
    assert [run["label"] for run in found["runs"]] == ["a", "b"]
    assert not list(home.glob("*.html"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("report nowhere", "run_missing"),
        ("report .", "run_missing"),
        ("report a -o a", "output_exists"),
        ("report a -o a/spec.yaml", "output_exists"),
        ("report a -o a/spec.yaml/page.html", "not_writable"),
        ("compare a", "bad_option"),
        ("compare a a", "bad_option"),
        ("compare a nowhere", "run_missing"),
        ("report", "bad_option"),
    ],
)
def test_mistakes_have_their_codes_and_leave_nothing_behind(line, code, home, capsys):
    assert typed(*line.split()) == CODES[code]
    assert f"[{code}]" in capsys.readouterr().err
    assert not list(home.rglob("*.html"))


def test_no_tensorflow_is_imported_without_a_look_at_the_test_images(home):
    (home / "a" / "model.keras").touch()
    code = (
        "import sys\nfrom kresnet.cli.all_verbs import app\n"
        "app(['report', 'a', '--no-evaluate', '-o', 'page.html'], standalone_mode=False)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--no-evaluate" in (home / "page.html").read_text()


def test_what_hinders_the_look_at_the_test_images_is_told_on_the_page(home):
    (home / "a" / "model.keras").touch()
    done = kresnet("report", "a", "-o", "page.html", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "[data_mismatch]" in (home / "page.html").read_text()
