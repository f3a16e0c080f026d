"""Every remedy works where it is printed: all that the source holds are parsed by every verb, and some are executed."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kresnet.cli.all_verbs import app
from kresnet.cli.main import main
from kresnet.cli.remedies import adapt_remedy, find_verb
from kresnet.runtime import EXTRAS
from kresnet.spec.architecture import Spec
from kresnet.spec.document import parse_document
from kresnet.spec.locations import field_models
from kresnet.spec.nearest_settings import setting_paths
from kresnet.spec.overrides import parse_override
from kresnet.spec.recipe import Recipe
from kresnet.spec.search import Search
from kresnet.spec.study import Study
from tests.remedies_in_source import Remedy, remedies

REMEDIES = remedies()
KRESNET = typer.main.get_command(app)

#: Commands to print a remedy in, as typed; `fit --resume` has fewer options than `fit`.
COMMANDS = [
    "plan SPEC", "data FILE", "specs", "diff A B", "schema", "build SPEC", "fit SPEC", "fit --resume RUN", "runs",
    "evaluate RUN", "calibrate RUN", "predict RUN IMAGE", "study STUDY", "search SEARCH", "report RUN",
    "compare RUN RUN2", "convert FILE",
    "export RUN", "serve DIR", "explain RUN IMAGE", "check bn SPEC", "check gradients SPEC", "check export DIR",
    "check device", "kernels list", "kernels clear", "weights list", "weights show NAME", "weights pull NAME",
    "push RUN hf:a/b",
]  # fmt: skip

#: What begins another alternative, or says what comes of one.
_PARTS = re.compile(r"; or |; |, or |, and |, then |, ")
_SHELL = ("pip install ", "pip uninstall ", "rm ", "srun ", "unset ", "python -c ")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_WORDS = re.compile(r"[\w ,.()'*/|…-]*")


@dataclass(frozen=True)
class Part:
    """A part of a remedy: its kind, and what of it is executed or parsed."""

    kind: str
    text: str


def parts_of(remedy: str) -> Iterator[Part]:
    """The parts of a remedy, each of its kind."""
    remedy = re.sub(r"^(; |, or )", "", remedy)
    if remedy.startswith("python -c "):
        yield Part("shell", remedy)
        return
    if re.match(r"(np|keras|kresnet)\.\w+(\.\w+)*\(.*\)( |$)", remedy) or remedy.startswith('{"'):
        yield Part("python", remedy)
        return
    for text in _split(remedy):
        code = text.rpartition(": ")[2] if re.search(r": (kresnet|pip|rm|--|python) ?", text) else text
        if match := re.search(r"(?:^|: | with )(kresnet [a-z].*)", text):
            yield Part("command", match[1])
        elif code.startswith(_SHELL):
            yield Part("shell", code)
        elif code.startswith("-"):
            yield Part("option", code)
        elif re.match(r"(np|keras|kresnet)\.\w", text):
            yield Part("python", text)
        elif match := re.search(r"(?:^|: )([a-z_]+: .+)$", text.removeprefix("keep one and set the other to null: ")):
            yield Part("setting", match[1])
        else:
            yield Part("sentence", text)


def _split(remedy: str) -> Iterator[str]:
    """At what stands between parts, but not within brackets."""
    depth, start = 0, 0
    for at, character in enumerate(remedy):
        depth += (character in "[{(") - (character in "]})")
        if at >= start and depth == 0 and (match := _PARTS.match(remedy, at)):
            yield remedy[start:at]
            start = match.end()
    yield remedy[start:]


def check_part(part: Part, typed: str) -> None:
    """Parse a part of a remedy that a command prints; an assertion or an error of the parser says what is wrong."""
    verb, command = find_verb(KRESNET, typed.split())
    match part.kind:
        case "command":
            words = shlex.split(filled(part.text))[1:]
            name, wanted = find_verb(KRESNET, words)
            rest = words[len(name.split()) :]
            if rest != ["--help"]:
                wanted.make_context(name, rest)
                check_settings(words)
        case "option":
            words = shlex.split(part.text)
            command.make_context(verb, words, resilient_parsing=True)
            parse_strictly(command, words)
            check_settings(words)
        case "shell":
            check_shell(part.text)
        case "setting":
            key, _, value = part.text.partition(": ")
            require_valid(key, parse_document(f"{key}: {filled(value)}", "remedy").values[key])
        case "python":
            check_python(part.text)
        case _:
            check_sentence(
                part.text, {option for each in command.params for option in each.opts} | {"--debug", "--help"}
            )


def parse_strictly(command: Any, words: list[str]) -> None:
    """Refuse what the verb has no option for, or an option without its value."""
    context = command.context_class(command)
    command.make_parser(context).parse_args(list(words))


def check_settings(words: list[str]) -> None:
    """What follows `--set` names a setting that is, and gives it a value that it may have."""
    for option, value in pairwise(words):
        if option in ("--set", "--set-a", "--set-b"):
            override = parse_override(filled(value))
            document: type[BaseModel] = Recipe if override.path.startswith("recipe.") else Spec
            path = tuple("*" if each.isdigit() else each for each in override.path.removeprefix("recipe.").split("."))
            assert path in setting_paths(document), f"there is no setting {override.path}"
            require_field_value(document, path, override.value)


#: What words in capitals stand for, which a user replaces by his own.
OWN_WORDS = {"N": "10", "NAME": "test", "FOLDER": "folder", "SPEC": "quickstart", "VALUE": "0.5",
             "SHORT": "a", "SHORTER": "b", "ONE": "a", "OTHER": "b"}  # fmt: skip


def filled(text: str) -> str:
    """A text with a user's own words in it."""
    return re.sub(r"\b[A-Z]+\b", lambda found: OWN_WORDS.get(found[0], found[0]), text.replace(", ...", ""))


def require_valid(name: str, value: object) -> None:
    """One of the documents has a setting of this name that may have this value."""
    places = [
        (model, path) for model in (Spec, Recipe, Study, Search) for path in setting_paths(model) if path[-1] == name
    ]
    assert places, f"no document has a setting `{name}`"
    refusals = []
    for model, path in places:
        try:
            return require_field_value(model, path, value)
        except ValidationError as error:
            refusals.append(str(error))
    raise AssertionError(f"`{name}` cannot be {value!r}: {refusals}")


def require_field_value(model: type[BaseModel], path: tuple[str, ...], value: object) -> None:
    refusals = []
    for adapter in adapters_at(model, path):
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            refusals.append(error)
    raise refusals[0]


@cache
def adapters_at(model: type[BaseModel], path: tuple[str, ...]) -> list[TypeAdapter[Any]]:
    return [TypeAdapter(Annotated[field.annotation, field]) for field in fields_at(model, path)]


def fields_at(model: type[BaseModel], path: tuple[str, ...]) -> list[FieldInfo]:
    """The fields that a path leads to, whatever kinds are chosen on the way."""
    models, fields = [model], list[FieldInfo]()
    for name in path:
        if name != "*":
            fields = [each.model_fields[name] for each in models if name in each.model_fields]
            models = [inner for field in fields for inner, _ in field_models(field.annotation)]
    return fields


def check_shell(text: str) -> None:
    words = shlex.split(text)
    match words[0]:
        case "pip":
            name, _, extra = words[-1].partition("[")
            assert name in ("kresnet", "tensorflow", "resnest-blocks")
            assert not extra or extra.rstrip("]") in EXTRAS
        case "python":
            ast.parse(words[2])
            assert re.findall(r"sys\.argv\[(\d)\]", words[2]) in ([], [str(n) for n in range(1, len(words) - 2)])
        case "rm":
            assert {word for word in words[1:] if word != "-r"} in ({"a place"}, {"~/.keras/keras.json"})
        case "unset":
            assert words[1:] == ["KERAS_BACKEND"]
        case "srun":
            assert words[1:] == ["-m", "block"]


def check_python(text: str) -> None:
    code = text.replace("…", "[0]")
    if code.startswith("{"):
        for each in code.split(" or "):
            (first,) = ast.literal_eval(each)
            assert "width" in first
        return
    (name,) = re.findall(r"^[\w.]+", code)
    module, *attributes = name.split(".")
    found: Any = importlib.import_module({"np": "numpy"}.get(module, module))
    for attribute in attributes:
        found = getattr(found, attribute)
    if "(" in code:
        ast.parse(code[: code.rindex(")") + 1])


def check_sentence(text: str, options: set[str]) -> None:
    """Options, settings and variables that a sentence names are ones; the rest is words."""
    named = set(_OPTION.findall(re.sub(r"-[a-z]+\b(?<=-block)", "", text)))
    assert named <= options, f"no option of this verb: {named - options}"
    for quoted in re.findall(r"`([^`]+)`", text):
        key, _, value = quoted.partition(": ")
        if value:
            require_valid(key, parse_document(quoted, "remedy").values[key])
        else:
            known = {path for model in (Spec, Recipe, Study, Search) for path in setting_paths(model)}
            path = tuple(key.removeprefix("recipe.").split("."))
            assert any(each[-len(path) :] == path for each in known), f"there is no setting `{key}`"
    rest = re.sub(r"`[^`]+`|\b[A-Z_]{4,}=\w+|file_format='tfrecord'", "", text).replace(":", "")
    assert _WORDS.fullmatch(rest), f"neither a command, an option, a setting nor a sentence: {text}"


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
def test_a_remedy_can_be_followed_wherever_it_is_printed(remedy: Remedy) -> None:
    for typed in COMMANDS:
        verb, command = find_verb(KRESNET, typed.split())
        for part in parts_of(adapt_remedy(remedy.text, verb, command, typed.split())):
            if part.text:
                check_part(part, typed)


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, str]:
    """The first problem that a command meets."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json"])
    assert ended.value.code == 2
    return json.loads(capsys.readouterr().out)["problems"][0]


def run(*arguments: object) -> None:
    """Run a command, which must succeed."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    assert ended.value.code == 0


@pytest.mark.parametrize(
    "command",
    [
        "plan quickstart --set name=2024",
        "plan quickstart --set stages.0",
        "plan quickstart --set stem.*.width=3",
        "diff quickstart resnet18 --set-a nonsense",
    ],
)
def test_an_option_that_is_printed_makes_the_command_work(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = printed(capsys, *command.split())
    option = problem["remedy"].removeprefix("quote it: ")
    assert option.startswith("--set")
    run(*command.split()[: command.split().index(re.findall(r"--set\S*", command)[0])], *shlex.split(option))


@pytest.mark.parametrize("command", ["plan no_such_network", "study", "--no-such-option", "plan --no-such-option"])
def test_a_command_that_is_printed_can_be_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    remedy = printed(capsys, *command.split())["remedy"]
    assert remedy.startswith("kresnet ")
    run(*shlex.split(remedy)[1:])


def test_weights_of_another_input_can_be_converted_as_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    narrow = ["--set", "stem.width=4", "--set", "stages.*.width=4"]
    run("build", "quickstart", *narrow, "-o", "grey built")
    few = ["--set", "recipe.epochs=null", "--set", "recipe.steps=1", "--set", "recipe.schedule.warmup_epochs=0"]
    wanted = ["fit", "quickstart", *narrow, *few, "--set", "stem.kernel=5", "-o", "run"]
    problem = printed(capsys, *wanted, "--init", "grey built/model.keras")
    assert problem["code"] == "weights_mismatch"
    assert not Path("run").exists()
    convert, fit = problem["remedy"].split(", then ")
    run(*shlex.split(convert.replace("SPEC", "quickstart"))[1:], *narrow, "--set", "stem.kernel=5")
    assert shlex.split(fit)[:2] == ["kresnet", "fit"]
    run(*wanted, *shlex.split(fit)[3:])


def test_remedies_are_those_of_the_verb() -> None:
    def adapted(remedy: str, typed: str) -> str:
        verb, command = find_verb(KRESNET, typed.split())
        return adapt_remedy(remedy, verb, command, typed.split())

    moved = "make base/train/CLASS/*.jpg, or --set recipe.data.path=FOLDER"
    assert adapted(moved, "fit tiny.yaml") == moved
    assert adapted(moved, "predict run x.png") == "make base/train/CLASS/*.jpg"
    path = "--set recipe.data.path=FOLDER"
    assert adapted(path, "fit --resume r") == (
        "set data.path to FOLDER in r/recipe.yaml, then kresnet fit --resume r --allow-changed"
    )
    assert adapted("--set head.classes=3", "report r") == "the data that the run was trained on"
    assert adapted("--set head.classes=3", "check bn tiny.yaml") == "--set head.classes=3"
    assert adapted("--set stem.width=3", "diff a b") == "--set-a stem.width=3"
    full = "free some space, or write to another disk with -o"
    assert adapted(full, "fit --resume r") == "free some space"
    assert adapted("--allow-missing stem.conv", "fit tiny.yaml") == ""


def test_how_many_remedies_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = Counter(part.kind for remedy in REMEDIES for part in parts_of(remedy.text))
    parsed = sum(count for kind, count in kinds.items() if kind != "sentence")
    with capsys.disabled():
        print(f"\n{len(REMEDIES)} remedies, {parsed} of {sum(kinds.values())} parts executed or parsed: {dict(kinds)}")
    assert len(REMEDIES) > 150
    assert kinds["command"] > 20
    assert kinds["option"] > 30
