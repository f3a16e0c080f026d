import json
import subprocess
import sys

import pytest

from kresnet import __version__
from kresnet.cli import main as command_line
from kresnet.errors import CODES, KresnetError, Problem


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        command_line.main(list(arguments))
    return ended.value.code


def test_help_is_no_error(capsys):
    assert run("--help") == 0
    assert "plan" in capsys.readouterr().out
    assert run() == 0


def test_the_version_is_the_packages(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"kresnet {__version__}\n"


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "kresnet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"kresnet {__version__}\n"


def test_an_unknown_verb_is_bad_input(capsys):
    assert run("pln") == 2
    assert "[bad_option]" in capsys.readouterr().err


def test_problems_stand_on_stdout_as_json(capsys):
    assert run("plan", "resnet50", "--set", "stem.widht=1", "--json") == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["code"] == "unknown_field"
    assert problem["path"] == "stem.widht"
    assert problem["nearest"] == "width"


def test_an_unknown_error_shows_no_traceback_unless_asked(capsys, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("kresnet.cli.describe.load_network", broken)
    assert run("plan", "resnet50") == CODES["internal"]
    told = capsys.readouterr().err
    assert "[internal]" in told
    assert "Traceback" not in told
    with pytest.raises(ZeroDivisionError):
        command_line.main(["plan", "resnet50", "--debug"])


def test_one_bad_input_among_failures_makes_the_status_two():
    assert KresnetError([Problem("diverged", ""), Problem("wrong_type", "")]).status == 2
    assert KresnetError(Problem("diverged", "")).status == 1


def test_a_code_that_is_not_in_the_list_cannot_be_raised():
    with pytest.raises(ValueError, match="not in"):
        Problem("new_code", "")
