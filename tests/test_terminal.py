"""What is written to a terminal, a file, a locale without many characters."""

from __future__ import annotations

import io
import os
import re
import subprocess

import pytest
from rich.text import Text

from kresnet import terminal
from kresnet.errors import Problem
from tests.command import KRESNET
from tests.screen import Screen

WRONG = [*KRESNET, "plan", "resnet50", "--set", "stem.widht=3", "--set", "block.shortcut=projecton"]
PLAIN = """\
--set stem.widht=3: stem.widht: `widht` is not a field of a conv stem. [unknown_field]
  expected: one of kind, width, kernel, stride, pool
  found: 3
  did you mean: width
--set block.shortcut=projecton: block.shortcut: `shortcut` has no such choice. [wrong_value]
  expected: none, identity, identity_pad, projection or projection_all
  found: 'projecton'
  did you mean: projection
2 problems
"""


def piped(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    hidden = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(command, env=inherited | environment, capture_output=True, text=True, check=False)


def test_errors_in_a_pipe_are_plain() -> None:
    assert piped(*WRONG).stderr == piped(*WRONG, TERM="xterm-256color").stderr == PLAIN


def test_errors_on_a_terminal_tell_place_code_and_remedy_apart() -> None:
    with Screen(WRONG) as screen:
        assert screen.finish() == 2
    assert screen.lines == PLAIN.splitlines()
    cells = screen.drawn.buffer
    place, code, remedy = cells[0][0], cells[0][screen.lines[0].index("[unknown")], cells[3][16]
    assert (place.bold, place.fg) == (True, "default")
    assert (code.fg, remedy.fg, remedy.data) == ("red", "green", "w")


@pytest.mark.parametrize(
    ("environment", "colours", "escapes"),
    [
        ({"NO_COLOR": "1"}, False, True),  # bold is no colour
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "unknown"}, False, False),
    ],
)
def test_a_terminal_without_colours(environment: dict[str, str], colours: bool, escapes: bool) -> None:
    with Screen(WRONG, environment) as screen:
        assert screen.finish() == 2
    assert bool(re.search(rb"\x1b\[[\d;]*3\d", screen.raw)) == colours
    assert (b"\x1b" in screen.raw) == escapes
    assert screen.lines == PLAIN.splitlines()


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
    ],
)
def test_colours_in_a_pipe_where_they_are_wanted(environment: dict[str, str], colours: bool) -> None:
    told = piped(*WRONG, **environment).stderr
    assert bool(re.search(r"\x1b\[[\d;]*3\d", told)) == colours
    assert re.sub(r"\x1b\[[\d;]*m", "", told) == PLAIN


def test_names_from_files_cannot_steer_a_terminal() -> None:
    problem = Problem("weights_mismatch", "odd\x1b[2Jname", found="a\n    b\x07\udcff\u202e")
    assert terminal.harmless(str(problem)) == (
        "odd\\x1b[2Jname [weights_mismatch]\n  found: a\n    b\\x07\\udcff\\u202e"
    )


def test_text_is_text_and_its_lines_are_not_broken_in_a_pipe() -> None:
    stream = io.StringIO()
    terminal.console(stream).print("[bold]:dog:[/nonsense] " + "/a/long/path" * 30)
    assert stream.getvalue() == "[bold]:dog:[/nonsense] " + "/a/long/path" * 30 + "\n"


@pytest.mark.parametrize(("stated", "width"), [("40", 40), ("0", 120), ("wide", 120), ("", 120), ("-3", 120)])
def test_columns_is_believed_where_it_is_a_number(stated: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", stated)
    assert terminal.columns(io.StringIO()) == width


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_locale_without_our_characters_keeps_tables_whole(encoding: str) -> None:
    verbs = ["diff", "resnet18", "resnet34"]
    rich, poor = piped(*KRESNET, *verbs).stdout, piped(*KRESNET, *verbs, PYTHONIOENCODING=encoding).stdout
    assert poor.isascii()
    assert "\\" not in poor
    assert "parameters: 11,699,112 > 21,814,696" in poor
    assert [line.split()[-1:] for line in poor.splitlines() if "block" in line] == [
        line.split()[-1:] for line in rich.splitlines() if "block" in line
    ]


def test_what_stands_for_a_character_is_as_wide() -> None:
    for character, substitute in terminal._SUBSTITUTES.items():
        assert Text(character).cell_len == len(substitute) == 1
        assert substitute.isascii()
