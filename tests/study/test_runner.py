"""Studies really run: what fails does not stop the rest, what is trained is kept, what is stopped goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kresnet
from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from kresnet.spec.document import read_document
from kresnet.spec.loading import load_study
from kresnet.study.runner import run_missing, run_outcomes
from kresnet.study.study_plan import plan_study
from tests.command import KRESNET
from tests.study.tiny_study import EPOCHS, STEPS, prepare, study, write_images


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the study has been run once, with one variant whose data were not there."""
    folder = tmp_path_factory.mktemp("study")
    prepare(folder)
    done = study(folder, "--jobs", len(os.sched_getaffinity(0)) // 2 + 1)
    assert done.returncode == 1, done.stderr
    (folder / "first.txt").write_text(done.stdout + done.stderr)
    return folder


def results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out/results.json").read_text())


def changed_times(folder: Path) -> dict[str, float]:
    return {name: (folder / f"out/runs/{name}/seed-0/result.json").stat().st_mtime for name in ("plain", "residual")}


def test_one_failing_variant_leaves_the_rest_to_finish_and_is_told(folder):
    said = (folder / "first.txt").read_text()
    assert "absent seed 0: failed:" in said
    assert "1 of 3 runs failed: absent seed 0. [study_incomplete]" in said
    found = {run["variant"]: run for run in results(folder)["runs"]}
    assert {name: run["state"] for name, run in found.items()} == {
        "plain": "finished", "residual": "finished", "absent": "failed",
    }  # fmt: skip
    assert found["absent"]["problem"]["code"] == "data_missing"
    assert "later.npz" in (folder / "out/results.md").read_text()


def test_the_numbers_are_those_of_the_runs(folder):
    """Read from the run's own files, and put together with numpy."""
    found = results(folder)
    for name in ("plain", "residual"):
        directory = folder / f"out/runs/{name}/seed-0"
        lines = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
        epochs = [line for line in lines if "epoch" in line]
        (run,) = [run for run in found["runs"] if run["variant"] == name]
        (summed,) = [variant for variant in found["variants"] if variant["name"] == name]
        assert [line["step"] for line in run["epochs"]] == [STEPS * (epoch + 1) for epoch in range(EPOCHS)]
        test = 1 - np.array([line["test"]["accuracy"] for line in epochs])
        np.testing.assert_allclose([line["test_error"] for line in run["epochs"]], test)
        result = json.loads((directory / "result.json").read_text())
        assert run["train_error"] == pytest.approx(1 - result["train"]["accuracy"])
        assert run["test_error"] == pytest.approx(test[-1])
        assert run["best_test_error"] == pytest.approx(test.min())
        assert run["seconds"] == result["seconds"]
        assert run["wall_seconds"] > run["seconds"]
        assert run["images_per_second"] == pytest.approx(np.mean([line["images_per_second"] for line in epochs]))
        assert summed["test_error"] == {"mean": run["test_error"], "spread": None, "values": [run["test_error"]]}
        looks = [line for line in lines if "gradients" in line]
        assert [look["step"] for look in run["gradients"]] == [looks[0]["step"], looks[-1]["step"]] == [1, 9]
        blocks = looks[-1]["gradients"]["blocks"]
        assert run["gradients"][1]["blocks"] == list(blocks)
        np.testing.assert_allclose(
            run["gradients"][1]["delta"], [block["delta"] for block in blocks.values()], rtol=1e-4
        )
        plan = json.loads((directory / "plan.json").read_text())
        assert summed["parameters"] == plan["parameters"]["trainable"]
        assert summed["macs"] == plan["macs"]
        assert summed["images"] == EPOCHS * STEPS * 16
    assert found["environment"]["versions"]["tensorflow"]
    assert "--jobs" in found["command"]
    assert str(folder) not in json.dumps(found["command"])


def test_each_run_is_an_ordinary_run_directory(folder):
    directory = folder / "out/runs/residual/seed-0"
    assert read_document(directory / "spec.yaml").values["stem"]["width"] == 4
    assert read_document(directory / "recipe.yaml").values["epochs"] == EPOCHS
    assert (directory / "model.keras").is_file()
    assert "parameters, float32" in (folder / "out/logs/residual-seed-0.log").read_text()
    journal = [json.loads(line) for line in (folder / "out/journal.jsonl").read_text().splitlines()]
    assert sorted(line["variant"] for line in journal if line["event"] == "process") == ["absent", "plain", "residual"]
    assert [line["processes"] for line in journal if line["event"] == "call"] == [3]


def test_the_figures_are_drawn(folder):
    for name in ("curves", "final", "gradients", "cost"):
        image = Image.open(folder / f"out/figures/{name}.png").convert("L")
        assert image.width == 800, "four inches"
        assert np.asarray(image).std() > 5, "there is something on it"
        assert (folder / f"out/figures/{name}.svg").read_text().startswith("<?xml")
        assert f"figures/{name}.png" in (folder / "out/results.md").read_text()


def test_the_same_again_from_python_trains_only_what_is_missing(folder, monkeypatch, capsys):
    """And the figures come out the same, byte by byte: nothing but the numbers is in them."""
    monkeypatch.chdir(folder)
    before, figure = changed_times(folder), (folder / "out/figures/curves.svg").read_bytes()
    result = kresnet.run_study("tiny.yaml", output="out", report="told")
    assert changed_times(folder) == before
    assert (folder / "told/figures/curves.svg").read_bytes() == figure
    assert "2 of 3 runs have been trained before." in capsys.readouterr().err
    assert result.values == results(folder) == json.loads((folder / "told/results.json").read_text())
    assert result.command == "kresnet study tiny.yaml -o out --report told"
    assert (error := result.error()) is not None
    assert [problem.code for problem in error.problems] == ["study_incomplete"]
    assert not result.complete
    assert repr(result) == "<StudyResult out: 2 of 3 runs finished>"
    assert {name: run.result["steps"] for (name, _), run in result.runs().items()} == {
        "plain": EPOCHS * STEPS, "residual": EPOCHS * STEPS,
    }  # fmt: skip
    table = (folder / "told/results.md").read_text()
    for line in str(result).splitlines()[2:5]:  # under the heads and the rule
        assert all(word in table for word in line.split())
    assert result._repr_html_().count("<tr") == 4


def test_a_study_that_now_says_otherwise_is_refused(folder):
    before = (folder / "out/results.json").read_bytes()
    done = study(folder, "--set", "recipe.epochs=4")
    assert done.returncode == 2
    assert "recipe.epochs: out/runs/residual/seed-0 was trained otherwise" in done.stderr.replace("plain", "residual")
    assert "[run_changed]" in done.stderr
    assert "rm -r" in done.stderr
    assert (folder / "out/results.json").read_bytes() == before


def test_what_failed_is_tried_again(folder):
    """After the others, as this mends the study."""
    before = changed_times(folder)
    write_images(folder / "later.npz")
    done = study(folder, "--report", "report", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((folder / "report/results.json").read_text())
    assert changed_times(folder) == before
    assert {run["state"] for run in results(folder)["runs"]} == {"finished"}
    assert sorted(path.name for path in (folder / "report").iterdir()) == ["figures", "results.json", "results.md"]
    assert json.loads((folder / "report/results.json").read_text())["variants"] == results(folder)["variants"]


def test_two_studies_do_not_write_one_directory(tmp_path, monkeypatch):
    directory = prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    plan = plan_study(load_study("tiny.yaml"))
    directory.mkdir()
    with RunLock(directory, print), pytest.raises(KresnetError, match="run_locked"):
        run_missing(plan, directory, 1, "kresnet study tiny.yaml", print)


def test_runs_whose_data_changed_in_between_are_not_compared(tmp_path, monkeypatch):
    directory = prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    plan = plan_study(load_study("tiny.yaml"))
    for run in plan.runs():
        fingerprint = "of other data" if run.variant.name == "absent" else "abc"
        data = DataDescription(fingerprint, tuple("0123456789"), 64, 32)
        begun = RunDirectory(directory / run.folder)
        create_run(begun, replace(run.run, data=data), {"versions": {}})
        begun.history.append({"step": 1})  # without a step it would be begun anew
    assert [each.state for each in run_outcomes(plan.runs(), directory)] == ["stopped"] * 3
    described = directory / "runs/residual/seed-0/data.json"
    described.write_text(described.read_text().replace("abc", "abd"))
    with pytest.raises(KresnetError) as caught:
        run_outcomes(plan.runs(), directory)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("run_changed", "data.fingerprint")
    assert "residual" in problem.message


def test_more_jobs_than_cores_are_refused(tmp_path):
    prepare(tmp_path)
    done = study(tmp_path, "--jobs", 4096)
    assert done.returncode == 2
    assert "[bad_option]" in done.stderr
    assert not (tmp_path / "out").exists()


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [*KRESNET, "study", "tiny.yaml", "-o", "out", *options]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until(true: Any, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


LONG = ["--set", "recipe.epochs=60", "--set", "recipe.deterministic=true"]


@pytest.mark.slow
def test_a_stopped_study_continues_where_it_was_to_the_same_end(tmp_path):
    """SIGTERM in the middle of a run, then SIGKILL of the study: it goes on each time, and ends as if nothing was."""
    (tmp_path / "whole").mkdir()
    for folder in (tmp_path, tmp_path / "whole"):
        prepare(folder)
        write_images(folder / "later.npz")
    history = tmp_path / "out/runs/residual/seed-0/history.jsonl"

    def epochs() -> int:
        return history.read_text().count('"epoch"') if history.exists() else 0

    running = started(tmp_path, *LONG)
    wait_until(lambda: epochs() > 3)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 75, said
    assert "[interrupted]" in said
    assert results(tmp_path)["runs"][0]["state"] == "stopped"
    at = epochs()
    assert at < 60

    running = started(tmp_path, *LONG)
    wait_until(lambda: epochs() > at + 3)
    running.kill()
    running.communicate()
    lock = history.parent / "lock"
    wait_until(lambda: not lock.read_text())  # its run was told by the system, saved its state and ended
    assert epochs() < 60

    done = study(tmp_path, *LONG)
    assert done.returncode == 0, done.stderr
    whole = study(tmp_path / "whole", *LONG)
    assert whole.returncode == 0, whole.stderr
    kept = ("train_loss", "test_loss", "train_error", "test_error", "best_epoch", "gradients")
    ends = [[{key: run[key] for key in kept} for run in results(at)["runs"]] for at in (tmp_path, tmp_path / "whole")]
    assert ends[0] == ends[1]
