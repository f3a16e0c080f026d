"""`kresnet fit --dry-run` tells what a run would do, and does nothing."""

import json

import pytest

from tests.command import kresnet

SPEC = """
name: tiny
input: {shape: [28, 28, 1], pixels: {mean: [0.286], std: [0.353]}}
stem: {kind: conv, width: 4, kernel: 3, stride: 4}
block: {kind: basic}
stages: [{blocks: 1, width: 4, stride: 2}]
head: {classes: 10}
recipe: quickstart
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    home = tmp_path_factory.mktemp("dry")
    (home / "tiny.yaml").write_text(SPEC)
    done = kresnet("fit", "tiny.yaml", "--dry-run", "--json", "--set", "recipe.ema={decay: 0.9}", cwd=home)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in home.iterdir()] == ["tiny.yaml"]
    return json.loads(done.stdout)


def test_it_tells_the_steps_and_the_schedule(told):
    assert (told["total_steps"], told["epoch_steps"], told["epochs"]) == (1400, 140, 10)
    assert told["learning_rate"]["warmup"] == {"steps": 140, "start": 0.0, "shape": "linear"}
    assert told["ema"] == {"decay": 0.9, "warmup": True, "start": 0}
    steps, rates = zip(*told["learning_rates"], strict=True)
    assert (steps[0], steps[-1]) == (0, 1399)
    assert max(rates) == pytest.approx(0.1, rel=0.01)


def test_it_tells_memory_and_time(told):
    seconds = told["seconds"]
    assert seconds["training"] == pytest.approx(1400 * seconds["step"])
    assert seconds["total"] == pytest.approx(seconds["training"] + 10 * seconds["evaluation"])
    memory = told["memory"]
    assert told["notes"] == []  # 1400 steps settle the moving statistics
    assert memory["total"] > memory["weights"] >= 2 * memory["gradients"]  # the average is as large as the weights


@pytest.mark.parametrize("option", [["-o", "run"], ["--init", "model.keras"]])
def test_it_goes_without_what_it_would_not_use(option):
    done = kresnet("fit", "quickstart", "--dry-run", *option)
    assert done.returncode == 2
    assert "[bad_option]" in done.stderr
