"""`kresnet search`: what is shipped, what a dry run tells, and what a search prints."""

from __future__ import annotations

import json

import pytest

from kresnet.cli.main import main
from kresnet.spec import library
from kresnet.spec.document import dump
from tests.study.search.fake_fits import DOCUMENT


def search(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["search", *arguments])
    return int(ended.value.code or 0)


def test_the_shipped_searches_are_listed(capsys):
    assert search("--list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["searches"]
    assert [each["name"] for each in listed] == list(library.shipped_names("searches"))


def test_a_search_must_be_named(capsys):
    assert search() == 2
    assert "kresnet search --list" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump(DOCUMENT))
    assert search("mine.yaml", "--dry-run") == 0
    text = capsys.readouterr().out
    assert "stem.width" in text
    assert "Of 2,048 drawn at random" in text
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_search_prints_what_it_found(capsys, tmp_path, monkeypatch, fake_fits):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump({**DOCUMENT, "trials": 3}))
    assert search("mine.yaml", "-o", "out", "--json", "--seed", "1") == 0
    values = json.loads(capsys.readouterr().out)
    assert values == json.loads((tmp_path / "out/search.json").read_text())
    assert values["seed"] == 1
    assert search("mine.yaml", "-o", "out") == 2  # the search's own seed is another
    assert "run_changed" in capsys.readouterr().err
