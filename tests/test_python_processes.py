"""Every verb, and every process that kresnet starts, does the same in a directory full of traps as anywhere else."""

from __future__ import annotations

import json
import os
import shlex
import signal
import site
import subprocess
import sys
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet import python_processes
from kresnet.python_processes import child_environment, forget_working_directory, python_command
from tests.command import KRESNET, forked_python, kresnet

ROOT = Path(__file__).resolve().parents[1]

#: Modules of packages that kresnet imports; in the working directory they are the user's own files.
TRAPS = ("keras", "tensorflow", "numpy", "typer", "rich", "pydantic", "ruamel", "PIL", "h5py", "aiohttp", "plotly")
KERAS_JSON = {"floatx": "float16", "epsilon": 0.01, "backend": "torch", "image_data_format": "channels_first"}
VARIABLES = {"TF_USE_LEGACY_KERAS": "1", "KERAS_MAX_EPOCHS": "none", "KERAS_MAX_STEPS_PER_EPOCH": "1"}

#: Written with a byte order mark and carriage returns, as some editors do.
DOCUMENTS = {
    "tiny.yaml": """
name: tiny
input: {shape: [16, 16, 3]}
stem: {kind: conv, width: 8, kernel: 3, stride: 2}
block: {kind: basic}
stages: [{blocks: 1, width: 8}]
head: {classes: 2}
recipe: ./short.yaml
""",
    "short.yaml": """
name: short
data: {kind: arrays, path: images.npz}
steps: 3
batch_size: 8
optimizer: {kind: sgd, learning_rate: 0.05}
""",
    "ask.yaml": """
name: ask
question: "Does it run?"
spec: ./tiny.yaml
recipe: ./short.yaml
variants: [{name: plain}]
""",
    "labels.txt": "\ncat\n  dog \n\n",
}

#: They go through the same doors as those of `VERBS`, where a verb stands for each kind of process that kresnet starts,
#: and take a while: `make test-slow`.
OTHER_VERBS = """\
build tiny.yaml -o built
fit tiny.yaml --dry-run
evaluate run
predict run image.png
report run -o report.html
check bn tiny.yaml --recipe short.yaml --batch 8
diff tiny.yaml quickstart
explain run image.png -o explained
fit tiny.yaml -o second --set recipe.seed=1
compare run second -o compare.html
export run -o tiny.tflite --format tflite
export run -o tiny.onnx --format onnx
convert built/model.keras --spec tiny.yaml -o converted.keras
check gradients tiny.yaml --recipe short.yaml --batch 8"""

VERBS = """\
--help
plan tiny.yaml
specs
schema recipe
fit tiny.yaml -o run --json
runs .
export run -o models --classes labels.txt
check export models/tiny/1
study ask.yaml -o study --seeds 0"""

#: Runs `python -m kresnet` for each command line of stdin, in one process: TensorFlow is imported once.
DRIVER = """
import contextlib, io, json, runpy, sys
for command in json.load(sys.stdin):
    sys.argv, out, err, status = ["kresnet", *command], io.StringIO(), io.StringIO(), None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module("kresnet", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str


def write_inputs(folder: Path) -> None:
    """The documents, images in arrays, and one image."""
    for name, text in DOCUMENTS.items():
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.strip("\n").replace("\n", "\r\n").encode() + b"\r\n")
    rng = np.random.default_rng(0)
    targets = np.arange(24) % 2
    images = (rng.integers(0, 90, (24, 16, 16, 3)) + 160 * targets[:, None, None, None]).astype(np.uint8)
    np.savez(
        folder / "images.npz",
        train_inputs=images[:16], train_targets=targets[:16], test_inputs=images[16:], test_targets=targets[16:],
    )  # fmt: skip
    Image.fromarray(images[0]).save(folder / "image.png")


def run_all(commands: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Ended]:
    """How each command ended, run one after the other in one process."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps([shlex.split(command) for command in commands]), cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, stdout=subprocess.PIPE, text=True, timeout=500,
        check=True,
    )  # fmt: skip
    ended = [Ended(*json.loads(line)) for line in done.stdout.splitlines()]
    return dict(zip(commands, ended, strict=True))


@pytest.fixture(scope="module")
def among_traps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A working directory of traps, and an environment to go with it."""
    folder = tmp_path_factory.mktemp("traps")
    write_inputs(folder)
    for name in TRAPS:
        (folder / f"{name}.py").write_text("raise RuntimeError('imported from the working directory')\n")
    (folder / "home" / ".keras").mkdir(parents=True)
    (folder / "home" / ".keras" / "keras.json").write_text(json.dumps(KERAS_JSON))
    return folder, {"HOME": str(folder / "home"), **VARIABLES}


@pytest.fixture(scope="module")
def ended(among_traps: tuple[Path, dict[str, str]]) -> dict[str, Ended]:
    return run_all(VERBS.splitlines(), *among_traps)


@pytest.mark.parametrize("command", VERBS.splitlines())
def test_a_verb_works_among_traps(command: str, ended: dict[str, Ended]) -> None:
    assert ended[command].status == 0, ended[command].stderr


@pytest.fixture(scope="module")
def others_ended(among_traps: tuple[Path, dict[str, str]], ended: dict[str, Ended]) -> dict[str, Ended]:
    return run_all(OTHER_VERBS.splitlines(), *among_traps)


@pytest.mark.slow
@pytest.mark.parametrize("command", OTHER_VERBS.splitlines())
def test_other_verbs_work_among_traps(command: str, others_ended: dict[str, Ended]) -> None:
    assert others_ended[command].status == 0, others_ended[command].stderr


def test_a_run_among_traps_gives_the_numbers_of_any_other(ended: dict[str, Ended], tmp_path: Path) -> None:
    write_inputs(tmp_path)
    elsewhere = kresnet("fit", "tiny.yaml", "-o", "run", "--json", cwd=tmp_path)
    here = ended["fit tiny.yaml -o run --json"]
    assert json.loads(here.stdout)["test"] == json.loads(elsewhere.stdout)["test"]


def test_labels_are_served_clean(among_traps: tuple[Path, dict[str, str]], ended: dict[str, Ended]) -> None:
    names = among_traps[0] / "models" / "tiny" / "1" / "assets.extra" / "kresnet" / "class_names.txt"
    assert names.read_text() == "cat\ndog\n", [str(path) for path in among_traps[0].glob("models/**/*.txt")]


def test_another_backend_is_named_with_what_to_do(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    refused = run_all(["build tiny.yaml -o built"], tmp_path, {"KERAS_BACKEND": "jax"})["build tiny.yaml -o built"]
    assert refused.status == 2
    assert "KERAS_BACKEND is jax" in refused.stderr
    assert "unset KERAS_BACKEND" in refused.stderr
    assert not (tmp_path / "built").exists()


def test_a_server_among_traps(among_traps: tuple[Path, dict[str, str]], ended: dict[str, Ended]) -> None:
    folder, environment = among_traps
    command = [*KRESNET, "serve", "models", "--backend", "embedded", "--rest-port", "0", "--grpc-port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        said = list(takewhile(lambda line: "REST at" not in line, server.stderr))
        server.terminate()
        assert server.wait() in (0, -signal.SIGTERM), said


def test_a_shell_is_answered_among_traps(among_traps: tuple[Path, dict[str, str]]) -> None:
    folder, environment = among_traps
    asked = {"_KRESNET_COMPLETE": "complete_bash", "COMP_WORDS": "kresnet\nexp", "COMP_CWORD": "1"}
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment | asked
    done = subprocess.run(KRESNET, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["export", "explain"]


def test_a_file_in_the_place_of_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("")
    code = "import kresnet; kresnet.load('quickstart').build()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{tmp_path / 'keras.py'} would be imported in the place of the package keras." in done.stderr


def test_keras_settings_of_a_caller_in_python_are_changed_with_a_warning() -> None:
    code = (
        "import warnings, keras; keras.config.set_image_data_format('channels_first'); warnings.simplefilter('error');"
        "from kresnet.runtime import import_tensorflow; import_tensorflow()"
    )
    assert "UserWarning: kresnet has set image_data_format of keras.config" in forked_python(code).stderr


def test_the_working_directory_is_forgotten_but_what_pythonpath_names_stays(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for first in ("", str(tmp_path)):
        monkeypatch.setattr(sys, "path", [first, str(tmp_path), "/elsewhere"])
        forget_working_directory()
        assert sys.path == [str(tmp_path), "/elsewhere"]
    monkeypatch.setattr(sys, "path", ["/bin", "/elsewhere"])
    forget_working_directory()
    assert sys.path == ["/bin", "/elsewhere"]


def test_a_child_finds_the_same_kresnet_and_no_working_directory(monkeypatch, tmp_path) -> None:
    (tmp_path / "numpy.py").write_text("")
    for entries in ("", ":", f":{ROOT}", "elsewhere:"):
        monkeypatch.setenv("PYTHONPATH", entries)
        done = subprocess.run(
            [*python_command("kresnet")[:-2], "-c", "import kresnet, numpy; print(kresnet.__file__, numpy.pi)"],
            cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split()[0] == str(ROOT / "kresnet" / "__init__.py")
    assert child_environment()["PYTHONPATH"] == f"{ROOT}{os.pathsep}elsewhere"
    monkeypatch.setattr(python_processes, "_HOME", os.path.realpath(site.getsitepackages()[0]))
    assert child_environment({"A": "b"})["PYTHONPATH"] == "elsewhere", "an installed kresnet is found without"
    assert child_environment({"A": "b"})["A"] == "b"
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert not VARIABLES.keys() & child_environment().keys()
