"""`kresnet study`: what is shipped, what would be trained, and which seeds are refused."""

from __future__ import annotations

import json

import pytest

from kresnet.cli.main import main
from kresnet.spec import library


def run(*arguments: str) -> int:
    """Run `kresnet study` in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(["study", *arguments])
    return ended.value.code or 0


def test_shipped_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["studies"]
    assert [study["name"] for study in listed] == list(library.shipped_names("studies"))


def test_seeds_are_taken_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("depth", "--dry-run", "--seeds", "3, 5", "--json") == 0
    assert json.loads(capsys.readouterr().out)["seeds"] == [3, 5]


def test_seeds_that_are_no_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("depth", "--dry-run", "--seeds", "1,two") == 2
    assert "two" in capsys.readouterr().err


def test_a_study_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "kresnet study --list" in capsys.readouterr().err
