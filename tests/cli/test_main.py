"""The `kresnet` command as a whole: whatever is given, words and a status come back, never a traceback."""

from __future__ import annotations

import functools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from kresnet import __version__
from kresnet.cli import main as command_line
from kresnet.errors import CODES


@pytest.fixture(autouse=True, scope="module")
def commands_made_once():
    """Typer makes all verbs anew for each call of the command, which is nearly half of what a mistake costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


def run(*arguments: str) -> int:
    """Run the command line in this process; return its exit status."""
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
    printed = capsys.readouterr().err
    assert "[internal]" in printed
    assert "Traceback" not in printed
    with pytest.raises(ZeroDivisionError):
        command_line.main(["plan", "resnet50", "--debug"])


def options_by_verb() -> dict[tuple[str, ...], list[str]]:
    """Every verb with the options that it takes, as typer knows them."""
    options: dict[tuple[str, ...], list[str]] = {}

    def walk(command: object, path: tuple[str, ...]) -> None:
        if inner := getattr(command, "commands", None):
            for name, each in inner.items():
                walk(each, (*path, name))
        else:
            options[path] = [name for parameter in command.params for name in parameter.opts if name[0] == "-"]

    walk(typer.main.get_command(command_line.command_line()), ())
    return options


VERBS = options_by_verb()
#: These would go on to build, train or serve where a mistake happens to make sense; their mistakes are stated below.
HEAVY = {("serve",), ("edit",), ("watch",), ("build",), ("fit",), ("check", "bn"), ("check", "gradients")}
LIGHT = [verb for verb in VERBS if verb not in HEAVY]


@pytest.fixture
def directory_of_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with all that can be mistaken for something else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "empty.keras").touch()
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "binary.h5").write_bytes(bytes(range(256)))
    (tmp_path / "spec.yaml").write_text("extends: resnet18\n")
    (tmp_path / "gone").symlink_to("nowhere")
    run = tmp_path / "run"
    run.mkdir()
    for name in ("spec.yaml", "recipe.yaml", "data.json", "origin.json", "model.keras", "result.json"):
        (run / name).write_text("{" if name.endswith("json") else "")
    return tmp_path


def require_plain(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Make sure that a command ends in plain words, with a code where it fails; return its exit status."""
    status, (out, err) = run(*arguments), capsys.readouterr()
    printed = f"{arguments}\n{out}{err}"
    assert status in (0, 1, 2), printed
    assert "Traceback" not in out + err, printed
    assert "[internal]" not in out + err, printed
    if status:
        assert any(f"[{code}]" in err for code in CODES), printed
        if "--json" in arguments:
            assert json.loads(out)["problems"], printed
    return status


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_without_its_arguments_or_with_an_unknown_option(verb, directory_of_mistakes, capsys):
    for wrong in (["--no-such-option"], ["--set"], ["--json", "--no-such-option"]):
        assert require_plain([*verb, *wrong], capsys) == 2
    assert require_plain([*verb, "--help"], capsys) == 0


MISTAKES = [
    *("folder", "empty.yaml", "empty.keras", "text.txt", "binary.h5", "gone", "run", "nowhere", "nowhere/at/all.yaml"),
    *("", " ", ".", "/", "..", "/dev/null", "-", "--", "resnet18", "resnt18", "spec.yaml", "a" * 5000, "\udcff", "é\n"),
    *("[red]", "stem.width=", "=", "-1", "0", "1e9", "nan", "true"),
]


@pytest.mark.parametrize("verb", LIGHT, ids=" ".join)
def test_wrong_things_in_every_place(verb, directory_of_mistakes, capsys):
    """Arguments and options drawn from what lies about; the same draw each time."""
    rng = random.Random(" ".join(verb))
    for _ in range(60):
        arguments = [rng.choice(MISTAKES) for _ in range(rng.choice([1, 1, 2, 3]))]
        for option in rng.sample(VERBS[verb], min(len(VERBS[verb]), rng.randrange(3))):
            arguments += [option, rng.choice(MISTAKES)]
        if rng.random() < 0.5:
            arguments.append("--json")
        require_plain([*verb, *arguments], capsys)


# A verb, its arguments, and the code that it must give.
STATED = [
    ("plan folder", "unknown_name"),
    ("plan ./folder", "file_unreadable"),
    ("plan empty.yaml", "syntax"),
    ("plan binary.h5", "file_unreadable"),
    ("plan gone", "unknown_name"),
    ("plan resnet18 resnet34", "bad_option"),
    ("edit folder --check", "unknown_name"),
    ("edit nowhere/at/all.yaml --check", "file_missing"),
    ("edit text.txt --check", "wrong_type"),
    ("diff resnet18", "bad_option"),
    ("diff resnet18 text.txt", "wrong_type"),
    ("schema network", "bad_option"),
    ("fit", "bad_option"),
    ("fit resnet18 --recipe folder", "unknown_name"),
    ("fit quickstart -o text.txt", "output_exists"),
    ("fit --resume folder", "run_missing"),
    ("fit --resume text.txt", "run_missing"),
    ("build resnet18 -o text.txt", "output_exists"),
    ("evaluate folder", "run_missing"),
    ("evaluate text.txt", "run_missing"),
    ("predict nowhere image.png", "run_missing"),
    ("predict run", "bad_option"),
    ("export folder -o models", "run_missing"),
    ("explain folder image.png", "run_missing"),
    ("explain run --set recipe.epochs=2", "syntax"),
    ("explain run image.png -o folder/../text.txt", "output_exists"),
    ("convert text.txt --spec resnet18 -o model.keras", "model_unreadable"),
    ("convert empty.keras --spec resnet18 -o model.keras", "model_unreadable"),
    ("convert folder --spec resnet18 -o model.keras", "file_missing"),
    ("convert resnet18 --spec text.txt -o model.keras", "file_missing"),
    ("convert binary.h5 --spec resnet18 -o model.h5", "bad_option"),
    ("check export nowhere", "model_unreadable"),
    ("check", "bad_option"),
    ("chekc export x", "bad_option"),
]


@pytest.mark.parametrize(("line", "code"), STATED)
@pytest.mark.parametrize("as_json", [False, True])
def test_common_mistakes_have_their_codes(line, code, as_json, directory_of_mistakes, capsys):
    arguments = [*line.split(), *(["--json"] if as_json and not line.startswith("schema") else [])]
    status, (out, err) = run(*arguments), capsys.readouterr()
    assert f"[{code}]" in err, err
    assert status == CODES[code]
    if "--json" in arguments:
        assert json.loads(out)["problems"][0]["code"] == code
