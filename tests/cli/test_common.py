"""Problems and JSON as every verb prints them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kresnet.cli.common import load_network, log_error
from kresnet.errors import KresnetError, Problem


def test_the_pieces_of_a_problem_are_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("bad_option", "What [red]is[/red] :dog:?", path="a.b", expected="x", found="y", remedy="z" * 300)
    log_error(KresnetError([problem, problem]))
    assert capsys.readouterr().err == f"{problem}\n{problem}\n2 problems\n"


def test_json_is_json_in_any_locale() -> None:
    script = "from kresnet.cli.common import print_json; print_json({'ü': 'é→\\udcff'})"
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; from kresnet.terminal import set_up; set_up(sys.stdout); {script}"],
            env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout.decode(encoding)) == {"ü": "é→\udcff"}


def test_overrides_of_the_recipe_do_not_reach_the_network() -> None:
    network = load_network("resnet18", ["head.classes=7", "recipe.epochs=3"])
    assert network.spec.head.classes == 7


def test_of_many_problems_without_a_place_ten_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    images = [Problem("image_unreadable", f"{number}.jpg is damaged.") for number in range(40)]
    fields = [Problem("wrong_type", "No.", path=f"stages.{number}") for number in range(20)]
    log_error(KresnetError([*images, *fields]))
    printed = capsys.readouterr().err.splitlines()
    assert sum("is damaged" in line for line in printed) == 10
    assert sum(line.startswith("stages.") for line in printed) == 20
    assert printed[-2:] == ["and 30 more [image_unreadable]; --json has all", "60 problems"]
