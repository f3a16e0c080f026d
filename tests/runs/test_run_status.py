import json
import os

import numpy as np
import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.runs.lock import RunLock
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from kresnet.runs.run_status import run_statuses
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from tests.command import kresnet

SPEC = Spec.model_validate(
    {
        "name": "tiny",
        "input": {"shape": [8, 8, 1]},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 4}],
        "head": {"classes": 3},
    }
)
RECIPE = {
    "name": "short",
    "data": {"kind": "embedded"},
    "epochs": 4,
    "batch_size": 10,
    "optimizer": {"kind": "sgd"},
}


def begun(folder, name: str, accuracies=(), **checkpoints) -> RunDirectory:
    """A run of 40 steps, of which each accuracy ends 10."""
    run = RunDirectory(folder / name)
    split = "validation" if checkpoints else "test"
    data = {"kind": "embedded", "validation": 0.1 if checkpoints else None}
    recipe = Recipe.model_validate({**RECIPE, "data": data, "checkpoints": checkpoints})
    create_run(run, resolve_run(SPEC, recipe).with_data(DataDescription("", ("a", "b"), 105, 10)), {})
    store = CheckpointStore(run.checkpoints, 2)
    for epoch, accuracy in enumerate(accuracies, 1):
        metrics = {"accuracy": accuracy, "loss": accuracy + 1}
        run.history.append({"epoch": epoch, "step": 10 * epoch, split: metrics})
        store.save(Checkpoint(10 * epoch, {"a": np.zeros(3)}, {}))
    return run


@pytest.fixture
def runs(tmp_path):
    begun(tmp_path, "a_killed", [0.1, 0.3, 0.2])
    (begun(tmp_path, "b_asked", [0.1]).path / "ended.json").write_text('{"code": "interrupted"}')
    finished = begun(tmp_path, "c_finished", [0.1, 0.2, 0.3, 0.4])
    finished.result.write_text(json.dumps({"steps": 40}))
    begun(tmp_path, "deeper/d_running")
    broken = begun(tmp_path, "e_broken")
    (broken.path / "recipe.yaml").write_text("epochs: [")
    damaged = begun(tmp_path, "f_damaged", [0.1])
    for state in damaged.checkpoints.glob("*/state.npz"):
        state.write_bytes(b"")
    return tmp_path


def test_runs_are_listed_with_state_progress_and_best_epoch(runs):
    with RunLock(runs / "deeper/d_running", print):
        found = {run.path.split("/")[-1]: run for run in run_statuses(runs)}
    states = {name: (run.state, run.reason, run.step, run.steps, run.best) for name, run in found.items()}
    assert states == {
        "a_killed": ("stopped", "killed", 30, 40, 0.3),
        "b_asked": ("stopped", "interrupted", 10, 40, 0.1),
        "c_finished": ("finished", "", 40, 40, 0.4),
        "d_running": ("running", "", 0, 40, None),
        "e_broken": ("broken", "syntax", 0, None, None),
        "f_damaged": ("broken", "checkpoint_invalid", 10, 40, 0.1),
    }
    assert found["a_killed"].best_epoch == 2


def test_the_best_epoch_is_that_of_the_recipes_metric(tmp_path):
    begun(tmp_path, "lowest", [0.3, 0.1, float("nan")], keep_best={"metric": "loss"})
    found = run_statuses(tmp_path)[0]
    assert (found.split, found.metric, found.best, found.best_epoch) == ("validation", "loss", 1.1, 2)


def test_a_history_cut_short_or_of_something_else_is_read_as_far_as_it_goes(tmp_path):
    run = begun(tmp_path, "cut", [0.3])
    with run.history.path.open("a") as file:
        file.write('{"step": 12, "gradients": {}}\n{"epoch": 2, "step": 20, "te')
    assert run_statuses(tmp_path)[0].step == 10


def test_a_run_by_itself_can_be_named(runs):
    assert [run.state for run in run_statuses(runs / "c_finished")] == ["finished"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(KresnetError) as error:
        run_statuses(tmp_path / "runs")
    assert error.value.problems[0].code == "file_missing"


def test_the_command_prints_a_table_or_json_and_changes_nothing(runs):
    before = sorted((path, path.stat().st_mtime_ns) for path in runs.rglob("*"))
    done = kresnet("runs", runs, env={**os.environ, "COLUMNS": "120"})  # whatever terminal the test runs in
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "a_killed" in line)
    assert "stopped (killed)" in row
    assert "75%" in row
    assert "accuracy 0.3000" in row
    listed = json.loads(kresnet("runs", runs, "--json").stdout)["runs"]
    assert [run["state"] for run in listed] == ["stopped", "stopped", "finished", "stopped", "broken", "broken"]
    assert sorted((path, path.stat().st_mtime_ns) for path in runs.rglob("*")) == before
