"""Whole runs through the command line, on the images that ship with kresnet and a network of a few thousand weights."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from kresnet.api.run import Run
from kresnet.api.training import fit as api_fit
from kresnet.errors import KresnetError
from kresnet.runs.live_progress import read_progress
from tests.command import KRESNET, ForkedCommand, forked_python, kresnet
from tests.distributed.worker_processes import write_inputs

SPEC = """
name: tiny
input: {shape: [28, 28, 1], pixels: {mean: [0.286], std: [0.353]}}
stem: {kind: conv, width: 8, kernel: 3, stride: 2}
block: {kind: basic, dropout: 0.1}
stages: [{blocks: 1, width: 8, stride: 2}, {blocks: 1, width: 16, stride: 2}]
stochastic_depth: 0.1
head: {classes: 10}
"""
RECIPE = """
name: short
data: {kind: embedded}
augment: {crop_padding: 2, flip: true}
epochs: 2
batch_size: 450
optimizer: {kind: sgd, learning_rate: 0.2}
schedule: {kind: cosine, warmup_epochs: 0.5}
deterministic: true
checkpoints: {save_every_steps: 7}
"""
STEPS = 40


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("fit")
    (directory / "tiny.yaml").write_text(SPEC)
    (directory / "short.yaml").write_text(RECIPE)
    return directory


def fit(home: Path, name: str, *options: object) -> subprocess.CompletedProcess[str]:
    return kresnet("fit", "tiny.yaml", "--recipe", "short.yaml", "-o", name, *options, cwd=home)


@pytest.fixture(scope="module")
def whole(home) -> Path:
    """A run that nothing interrupted."""
    done = fit(home, "whole", "--json")
    assert done.returncode == 0, done.stderr
    (home / "whole.json").write_text(done.stdout)
    return home / "whole"


def final_weights(run: Path) -> list[np.ndarray]:
    import keras

    import kresnet.graph.layers  # noqa: F401

    return keras.models.load_model(run / "model.keras", compile=False).get_weights()


def assert_same_run(one: Path, other: Path) -> None:
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    keep = ("epoch", "step", "train", "test", "learning_rate")
    histories = [
        [{key: json.loads(line)[key] for key in keep} for line in (run / "history.jsonl").read_text().splitlines()]
        for run in (one, other)
    ]
    assert histories[0] == histories[1]


def test_a_run_leaves_what_the_design_says(whole):
    names = {path.name for path in whole.iterdir()}
    assert names == {
        "spec.yaml", "recipe.yaml", "plan.json", "data.json", "environment.json", "history.jsonl", "result.json",
        "checkpoints", "tensorboard", "model.keras", "lock", "origin.json", "progress.json", "log.txt",
    }  # fmt: skip
    assert "parameters, float32, 1 device" in (whole / "log.txt").read_text()
    told = read_progress(whole / "progress.json")
    assert 0 < told.step <= told.total_steps == STEPS
    result = json.loads((whole / "result.json").read_text())
    assert result == json.loads((whole.parent / "whole.json").read_text())
    figures = {"images_per_second", "input_wait", "peak_memory", "seconds", "saving"}
    assert result.keys() == {"epochs", "steps", "train", "test"} | figures
    assert 0 <= result["input_wait"] < 1
    assert 100e6 < result["peak_memory"]["host"] < 50e9
    assert result["saving"]["saves"] == 7  # after 7, 14, 20, 21, 28, 35 and 40 steps
    assert (result["epochs"], result["steps"]) == (2, STEPS)
    assert [json.loads(line)["step"] for line in (whole / "history.jsonl").read_text().splitlines()] == [20, 40]
    assert len(list((whole / "checkpoints").iterdir())) == 2
    assert list((whole / "tensorboard").glob("events.out.tfevents.*"))


def test_the_network_learns(whole):
    accuracies = [json.loads(line)["test"]["accuracy"] for line in (whole / "history.jsonl").read_text().splitlines()]
    assert accuracies[-1] > max(0.4, accuracies[0])


def test_the_resolved_documents_say_everything(whole):
    spec = YAML(typ="safe").load((whole / "spec.yaml").read_text())
    assert spec["norm"] == {"kind": "batch", "momentum": 0.9, "epsilon": 1e-5, "synchronized": False}
    recipe = YAML(typ="safe").load((whole / "recipe.yaml").read_text())
    assert recipe["checkpoints"] == {
        "save_every_steps": 7, "save_every_minutes": None, "keep_last": 2, "keep_best": None,
    }  # fmt: skip


def test_evaluate_agrees_with_the_result(whole):
    done = kresnet("evaluate", whole, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads((whole / "result.json").read_text())["test"]
    evaluated = json.loads(done.stdout)
    np.testing.assert_allclose(
        [evaluated["loss"], evaluated["accuracy"]], [result["loss"], result["accuracy"]], rtol=1e-5
    )


@pytest.mark.slow  # tests/faults has runs that are killed, and the next test one that is stopped
@pytest.mark.parametrize("steps", [1, 15, 35])
def test_a_killed_run_ends_bit_for_bit_as_if_it_had_not_been(home, whole, steps):
    name = f"killed{steps}"
    command = [*KRESNET, "fit", "tiny.yaml", "--recipe", "short.yaml", "-o", name]
    process = subprocess.Popen(command, cwd=home, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: newest_step(home / name) >= steps, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = newest_step(home / name)
    done = kresnet("fit", "--resume", home / name)
    assert done.returncode == 0, done.stderr
    assert saved == STEPS or int(re.search(r"after step (\d+)", done.stderr)[1]) >= steps
    assert_same_run(home / name, whole)


def test_sigterm_saves_and_says_how_to_go_on(home, whole):
    process = ForkedCommand("fit", "tiny.yaml", "--recipe", "short.yaml", "-o", "terminated", cwd=home)
    wait_for(lambda: newest_step(home / "terminated") >= 7, process)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75, told
    assert "[interrupted]" in told
    assert json.loads((home / "terminated" / "ended.json").read_text())["code"] == "interrupted"
    assert "kresnet fit --resume terminated" in told
    step = int(re.search(r"Stopped after step (\d+)", told)[1])
    assert newest_step(home / "terminated") == step
    assert kresnet("fit", "--resume", home / "terminated").returncode == 0
    assert not (home / "terminated" / "ended.json").exists()
    assert_same_run(home / "terminated", whole)


def newest_step(run: Path) -> int:
    return max((int(path.name[5:]) for path in (run / "checkpoints").glob("step-*")), default=0)


def wait_for(condition, process: subprocess.Popen) -> None:
    for _ in range(6000):
        if condition() or process.poll() is not None:
            return
        time.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def unfinished(whole, tmp_path) -> Path:
    """The whole run as it was before its last step: two checkpoints, the newer at step 40, and no result."""
    run = tmp_path / "unfinished"
    shutil.copytree(whole, run)
    for leftover in ("result.json", "model.keras"):
        (run / leftover).unlink()
    return run


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(unfinished, whole):
    newest = unfinished / "checkpoints" / "step-00000040" / "state.npz"
    newest.write_bytes(newest.read_bytes()[:1000])
    done = kresnet("fit", "--resume", unfinished)
    assert done.returncode == 0, done.stderr
    assert "step-00000040" in done.stderr
    assert "Continuing after step 35" in done.stderr
    assert_same_run(unfinished, whole)


def test_a_run_whose_checkpoints_are_all_damaged_is_not_started_anew(unfinished):
    for state in unfinished.glob("checkpoints/*/state.npz"):
        state.write_bytes(b"")
    done = kresnet("fit", "--resume", unfinished)
    assert done.returncode == 1
    assert "[checkpoint_invalid]" in done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "path"),
    [
        ("data.json", '"fingerprint": "', '"fingerprint": "0', "data.fingerprint"),
        ("spec.yaml", "width: 16", "width: 24", "spec.stages.1.width"),
        ("recipe.yaml", "learning_rate: 0.2", "learning_rate: 0.1", "recipe.optimizer.learning_rate"),
        ("environment.json", '"replicas": 1', '"replicas": 2', "environment.training.replicas"),
    ],
)
def test_a_run_that_was_changed_is_not_continued(unfinished, name, old, new, path):
    text = (unfinished / name).read_text()
    assert old in text
    (unfinished / name).write_text(text.replace(old, new))
    done = kresnet("fit", "--resume", unfinished)
    assert done.returncode == 2
    assert "[run_changed]" in done.stderr
    assert path in done.stderr


def test_a_changed_run_goes_on_where_that_is_allowed_and_says_so(unfinished):
    recipe = unfinished / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("learning_rate: 0.2", "learning_rate: 0.1"))
    done = kresnet("fit", "--resume", unfinished, "--allow-changed")
    assert done.returncode == 0, done.stderr
    said = "recipe.optimizer.learning_rate was 0.2 and is 0.1"
    assert said in done.stderr
    assert f"after step 40: {said}" in (unfinished / "changes.txt").read_text()


def test_a_finished_run_has_nothing_left_to_do(whole):
    before = sorted((path, path.stat().st_mtime_ns) for path in whole.rglob("*"))
    done = kresnet("fit", "--resume", whole)
    assert done.returncode == 0
    assert "nothing left to do" in done.stderr
    assert sorted((path, path.stat().st_mtime_ns) for path in whole.rglob("*")) == before


@pytest.mark.slow  # tests/training/loop/test_non_finite_guard.py has such runs in one process
def test_a_loss_that_is_no_number_stops_the_run(home):
    done = fit(home, "diverged", "--set", "recipe.optimizer.learning_rate=1e30")
    assert done.returncode == 1
    assert "[diverged]" in done.stderr


def test_a_full_disk_stops_the_run_in_plain_words(home):
    """Files may not grow beyond what the process has of a network, and of its checkpoints."""
    program = (
        "import resource, signal\n"
        "from kresnet.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "main(['fit', 'tiny.yaml', '--recipe', 'short.yaml', '-o', 'full'])"
    )
    done = forked_python(program, cwd=home)
    assert done.returncode == 1
    assert "[disk_full]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((home / "full").rglob("*.tmp*"))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--set", "recipe.batch_size=100000"], "data_mismatch"),
        (["--set", "head.classes=7"], "data_mismatch"),
        (["--set", "head={kind: none}"], "data_mismatch"),
        (["--set", "head={kind: features, stages: [2]}"], "contradiction"),
        (["--set", "input.shape=[28,28,3]"], "data_mismatch"),
        (["--set", "recipe.distribution=mirrored"], "environment"),
        (["--set", "recipe.data={kind: folder, path: nowhere}"], "data_missing"),
        (["--set", "recipe.optimizer.kind=sdg"], "wrong_value"),
        (["--set", "recipe.epochs=0"], "out_of_range"),
    ],
)
def test_bad_input_leaves_no_run_behind(home, options, code):
    done = fit(home, "never", *options)
    assert done.returncode == 2, done.stderr
    assert f"[{code}]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "never").exists()
    assert not list(home.glob(".never*"))


def test_an_unreadable_image_leaves_nothing_and_once_it_is_gone_the_same_trains(tmp_path):
    write_inputs(tmp_path, train=8, test=4)
    broken = tmp_path / "images" / "train" / "dark" / "broken.png"
    broken.write_bytes(b"no image")
    data = {"kind": "folder", "path": str(tmp_path / "images"), "on_unreadable": "stop"}
    settings = {"recipe.data": data, "recipe.batch_size": 4, "recipe.epochs": 1}

    def train() -> Run:
        spec, recipe = tmp_path / "tiny.yaml", tmp_path / "short.yaml"
        return api_fit(spec, recipe, output=tmp_path / "run", overrides=settings, progress=False)

    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(KresnetError, match="image_unreadable"):
        train()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    broken.unlink()
    assert train().status.state == "finished"


def test_a_directory_that_holds_something_is_left_alone(home, whole):
    done = fit(home, "whole")
    assert done.returncode == 2
    assert "[output_exists]" in done.stderr
    (home / "mine").mkdir()
    (home / "mine" / "notes.txt").write_text("mine")
    assert fit(home, "mine").returncode == 2
    assert (home / "mine" / "notes.txt").read_text() == "mine"
