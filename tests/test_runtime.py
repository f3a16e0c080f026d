"""Packages that only some verbs need: where they are missing, a verb says so, and every other verb works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from kresnet import runtime
from kresnet.errors import KresnetError

ROOT = Path(__file__).resolve().parents[1]

#: What TensorFlow itself brings is there without the extra, too.
OF_TENSORFLOW = {"grpc"}
OPTIONAL = ",".join(module for modules in runtime.EXTRAS.values() for module in modules if module not in OF_TENSORFLOW)

HELP = [[verb, "--help"] for verb in (
    "plan", "build", "fit", "study", "evaluate", "predict", "export", "serve", "convert", "compare", "report", "check",
)]  # fmt: skip
TINY = (
    "recipe.epochs=null",
    "recipe.steps=2",
    "recipe.batch_size=16",
    "recipe.schedule.warmup_epochs=0",
    "stages=[{blocks: 1, width: 8}]",
)
IMAGE = str(ROOT / "docs/images/coat.png")
#: What works without any optional package, in this order.
PLAIN = {
    "plan": ["plan", "resnet50", "--json"],
    "fit": ["fit", "quickstart", "-o", "run", *(part for setting in TINY for part in ("--set", setting))],
    "evaluate": ["evaluate", "run", "--json"],
    "predict": ["predict", "run", IMAGE, "--json"],
    "export": ["export", "run", "-o", "models", "--json"],
    "data of a report": ["report", "run", "--no-evaluate", "--json"],
}
#: What says that it needs one: the command, the extra, and packages of it.
REFUSED = {
    "serve": (["serve", "models", "--backend", "embedded"], "serving", ["aiohttp", "orjson", "prometheus-client"]),
    "report": (["report", "run", "-o", "new.html"], "report", ["plotly", "jinja2"]),
    "compare": (["compare", "run", "run/../run", "--json"], "report", ["plotly", "jinja2"]),
    "export": (["export", "run", "-o", "new.onnx", "--format", "onnx"], "onnx", ["onnxruntime", "tf2onnx", "onnxslim"]),
    "export to openvino": (
        ["export", "run", "-o", "new.xml", "--format", "openvino"],
        "openvino",
        ["openvino", "tf2onnx", "onnxruntime", "onnxslim"],
    ),
    "export of integers": (
        ["export", "run", "-o", "new.tflite", "--format", "tflite", "--weights", "int8"],
        "edge",
        ["ai-edge-litert", "litert-quantizer"],
    ),
}
#: What fails for another reason, with or without the packages: a client, and TF Serving's own program.
OTHERWISE = {
    "[server]": ["predict", "--server", "http://127.0.0.1:9", "--model", "m", IMAGE],
    "tensorflow_model_server is not on the PATH": ["serve", "models", "--backend", "tensorflow_model_server"],
}


@dataclass(frozen=True)
class Ended:
    """A command of the process without packages that has ended."""

    status: int
    stdout: str
    stderr: str


def package_names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


def test_extras_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {name: set(modules.values()) for name, modules in runtime.EXTRAS.items()} == {
        name: package_names(extras[name]) for name in runtime.EXTRAS
    }
    assert extras["all"] == [f"kresnet[{','.join(runtime.EXTRAS)}]"]
    assert "kresnet[all]" in extras["dev"]
    optional = {package for modules in runtime.EXTRAS.values() for package in modules.values()}
    assert not package_names(project["dependencies"]) & optional


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(KresnetError) as caught:
        runtime.require_extra("serving", "The embedded server")
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.status) == ("environment", 2)
    assert problem.message.startswith("The embedded server needs packages that cannot be imported: aiohttp (")
    assert "prometheus-client (" in problem.message
    assert "orjson" not in problem.message
    assert problem.remedy == "pip install 'kresnet[serving]'"


def test_an_extra_that_is_installed_is_no_error() -> None:
    for extra in ("serving", "report"):
        runtime.require_extra(extra, "A test")


@pytest.fixture(scope="module")
def plain_install(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Ended]]:
    """Where the commands above ran, in a process that has no optional package, and how each ended."""
    folder = tmp_path_factory.mktemp("plain_install")
    commands = [*HELP, *PLAIN.values(), *(command for command, _, _ in REFUSED.values()), *OTHERWISE.values()]
    process = subprocess.run(
        [sys.executable, "-m", "tests.without_packages", OPTIONAL], input=json.dumps(commands),
        text=True, stdout=subprocess.PIPE, timeout=500, check=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": os.defpath},
    )  # fmt: skip
    ended = [Ended(*json.loads(line)) for line in process.stdout.splitlines()]
    return folder, {shlex.join(command): one for command, one in zip(commands, ended, strict=True)}


def test_a_plain_install_helps_plans_trains_and_exports(plain_install: tuple[Path, dict[str, Ended]]) -> None:
    _, ended = plain_install
    for command in (*HELP, *PLAIN.values()):
        assert ended[shlex.join(command)].status == 0, (command, ended[shlex.join(command)].stderr)
    answers = {name: ended[shlex.join(command)].stdout for name, command in PLAIN.items()}
    assert 0 <= json.loads(answers["evaluate"])["accuracy"] <= 1
    assert json.loads(answers["export"])["report"]["passed"]


@pytest.mark.parametrize("verb", REFUSED)
def test_a_verb_says_what_to_install(verb: str, plain_install: tuple[Path, dict[str, Ended]]) -> None:
    folder, ended = plain_install
    command, extra, packages = REFUSED[verb]
    refused = ended[shlex.join(command)]
    assert refused.status == 2
    assert "[environment]" in refused.stderr
    assert f"pip install 'kresnet[{extra}]'" in refused.stderr
    assert all(f"{package} (" in refused.stderr for package in packages)
    assert not list(folder.glob("new.*")), "it was found out too late"


@pytest.mark.parametrize("reason", OTHERWISE)
def test_a_client_and_tf_serving_need_no_extra(reason: str, plain_install: tuple[Path, dict[str, Ended]]) -> None:
    _, ended = plain_install
    assert reason in ended[shlex.join(OTHERWISE[reason])].stderr
