"""Every verb as somebody in a hurry uses it: whatever is given, words and a status come back, never a traceback."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import typer

from kresnet.cli import main as command_line
from kresnet.errors import CODES


def verbs() -> dict[tuple[str, ...], list[str]]:
    """Every verb with the options that it takes, as typer knows them."""
    found: dict[tuple[str, ...], list[str]] = {}

    def walk(command: object, path: tuple[str, ...]) -> None:
        if inner := getattr(command, "commands", None):
            for name, each in inner.items():
                walk(each, (*path, name))
        else:
            found[path] = [option for parameter in command.params for option in parameter.opts if option[0] == "-"]

    walk(typer.main.get_command(command_line.app), ())
    return found


VERBS = verbs()
#: These would go on to build, train or serve where a mistake happens to make sense; their mistakes are stated below.
HEAVY = {("serve",), ("build",), ("fit",), ("check", "bn"), ("check", "gradients")}
LIGHT = [verb for verb in VERBS if verb not in HEAVY]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    out, err = capsys.readouterr()
    return caught.value.code, out, err


def require_plain(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    status, out, err = ended(arguments, capsys)
    told = f"{arguments}\n{out}{err}"
    assert status in (0, 1, 2), told
    assert "Traceback" not in out + err, told
    assert "[internal]" not in out + err, told
    if status:
        assert any(f"[{code}]" in err for code in CODES), told
        if "--json" in arguments:
            assert json.loads(out)["problems"], told
    return status


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_without_its_arguments_or_with_an_unknown_option(verb, desk, capsys):
    for wrong in (["--no-such-option"], ["--set"], ["--json", "--no-such-option"]):
        assert require_plain([*verb, *wrong], capsys) == 2
    assert require_plain([*verb, "--help"], capsys) == 0


MISTAKES = [
    *("folder", "empty.yaml", "empty.keras", "text.txt", "binary.h5", "gone", "run", "nowhere", "nowhere/at/all.yaml"),
    *("", " ", ".", "/", "..", "/dev/null", "-", "--", "resnet18", "resnt18", "spec.yaml", "a" * 5000, "\udcff", "é\n"),
    *("[red]", "stem.width=", "=", "-1", "0", "1e9", "nan", "true"),
]


@pytest.mark.parametrize("verb", LIGHT, ids=" ".join)
def test_wrong_things_in_every_place(verb, desk, capsys):
    """Arguments and options drawn from what lies about; the same draw each time."""
    dice = random.Random(" ".join(verb))
    for _ in range(60):
        arguments = [dice.choice(MISTAKES) for _ in range(dice.choice([1, 1, 2, 3]))]
        for option in dice.sample(VERBS[verb], min(len(VERBS[verb]), dice.randrange(3))):
            arguments += [option, dice.choice(MISTAKES)]
        if dice.random() < 0.5:
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
    ("explain run", "bad_option"),
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
def test_common_mistakes_have_their_codes(line, code, as_json, desk, capsys):
    arguments = [*line.split(), *(["--json"] if as_json and not line.startswith("schema") else [])]
    status, out, err = ended(arguments, capsys)
    assert f"[{code}]" in err, err
    assert status == CODES[code]
    if "--json" in arguments:
        assert json.loads(out)["problems"][0]["code"] == code
