"""Runs looked at while they are written: every state of their files on the way, and nothing locked or written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from kresnet.errors import KresnetError
from kresnet.report import watched_runs
from kresnet.report.watched_runs import SEARCH_SECONDS, Change, WatchedRuns, find_runs
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory
from tests.report.recorded_runs import line, made, measurement, tell_progress

HOLD = """
import sys
from pathlib import Path
from kresnet.runs.lock import RunLock
with RunLock(Path(sys.argv[1]), print):
    print("held", flush=True)
    input()
"""


def silent(_: str) -> None:
    pass


def epochs(watched: WatchedRuns) -> list[int]:
    return [epoch.epoch for epoch in watched.runs[0].epochs]


def test_a_history_is_followed_byte_by_byte(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    watched = WatchedRuns([run.path])
    assert watched.look() is Change.RUNS
    assert watched.look() is Change.NOTHING
    text = json.dumps(line(2, 0.8)) + "\n"
    with run.history.path.open("a") as file:
        for place in range(0, len(text), 25):
            file.write(text[place : place + 25])
            file.flush()
            assert watched.look() is Change.RUNS
            assert epochs(watched) == ([1, 2] if place + 26 >= len(text) else [1])
    assert watched.look() is Change.NOTHING
    run.history.append(measurement(run.resolved.plan, 21))
    watched.look()
    assert watched.runs[0].gradients.steps == (1, 21)
    run.history.truncate(10, 1)  # as a resumption does
    watched.look()
    assert epochs(watched) == [1]


def test_what_a_run_tells_between_epochs_is_read_alone(tmp_path, monkeypatch):
    run = made(tmp_path / "run", epochs=1)
    watched = WatchedRuns([run.path])
    with RunLock(run.path, silent):
        tell_progress(run, 15, written=time.time())
        assert watched.look() is Change.RUNS
        monkeypatch.setattr(watched_runs, "gather_opened_run", lambda *_, **__: pytest.fail("all is read again"))
        tell_progress(run, 16, written=time.time())
        assert watched.look() is Change.PROGRESS
        assert watched.runs[0].progress.step == 16
        whole = run.progress.read_text()
        run.progress.write_text(whole[: len(whole) // 2])
        watched.look()
        assert watched.runs[0].progress.step == 16  # half a file says nothing new
        run.log.write_text("2026-11-27T18:30:12Z warning: the gradient vanishes\nhalf a li")
        assert watched.look() is Change.PROGRESS
        assert watched.runs[0].log == ("2026-11-27T18:30:12Z warning: the gradient vanishes",)


def test_documents_are_planned_once_and_anew_when_they_change(tmp_path, monkeypatch):
    run = made(tmp_path / "run", epochs=1)
    watched = WatchedRuns([run.path])
    watched.look()
    plan = watched.runs[0].plan
    run.history.append(line(2, 0.8))
    watched.look()
    assert watched.runs[0].plan is plan
    recipe = (run.path / "recipe.yaml").read_text()
    (run.path / "recipe.yaml").write_text(recipe.replace("epochs: 4", "epochs: 40"))
    watched.look()
    assert watched.runs[0].recipe.epochs == 40


def test_a_process_that_is_killed_is_seen_to_be_gone_and_one_that_goes_on_to_be_there(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    watched = WatchedRuns([run.path])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        watched.look()
        assert watched.runs[0].status.state == "running"
        process.kill()
    assert watched.look() is Change.RUNS  # though no file has changed
    assert (watched.runs[0].status.state, watched.runs[0].status.reason) == ("stopped", "killed")
    with RunLock(run.path, silent):
        watched.look()
        assert watched.runs[0].status.state == "running"
    watched.look()
    assert watched.runs[0].status.state == "stopped"


def test_a_run_may_be_begun_while_it_is_looked_at(tmp_path, monkeypatch):
    """Looking takes no lock, not even for a moment."""
    import fcntl

    run = made(tmp_path / "run", epochs=1)
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("the run was locked"))
    WatchedRuns([run.path]).look()


def test_nothing_is_written(tmp_path):
    made(tmp_path / "runs" / "one")
    made(tmp_path / "runs" / "two", epochs=2)

    def files():
        return {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}

    before = files()
    watched = WatchedRuns([tmp_path / "runs"])
    watched.look()
    assert files() == before


def test_runs_of_a_folder_come_and_go(tmp_path):
    now = [0.0]
    made(tmp_path / "runs" / "plain" / "seed-0", epochs=1)
    watched = WatchedRuns([tmp_path / "runs"], clock=lambda: now[0])
    watched.look()
    assert [run.label for run in watched.runs] == ["plain/seed-0"]
    made(tmp_path / "runs" / "deep" / "seed-0")
    assert watched.look() is Change.NOTHING  # folders are searched now and then
    now[0] += SEARCH_SECONDS
    assert watched.look() is Change.RUNS
    assert [run.label for run in watched.runs] == ["deep/seed-0", "plain/seed-0"]
    shutil.rmtree(tmp_path / "runs" / "plain")
    assert watched.look() is Change.RUNS
    assert ([run.label for run in watched.runs], watched.gone) == (["deep/seed-0"], ("plain/seed-0",))
    made(tmp_path / "runs" / "plain" / "seed-0", epochs=2)
    now[0] += SEARCH_SECONDS
    watched.look()
    assert (len(watched.runs), watched.gone) == (2, ())
    shutil.rmtree(tmp_path / "runs")
    watched.look()
    assert (watched.runs, len(watched.gone)) == ((), 2)


def test_a_run_that_is_half_deleted_or_damaged_is_told_and_the_others_shown(tmp_path):
    made(tmp_path / "good")
    damaged = made(tmp_path / "damaged", epochs=1)
    (damaged.path / "environment.json").write_text("{")
    (made(tmp_path / "broken").path / "spec.yaml").write_text("stages: [")
    watched = WatchedRuns([tmp_path])
    watched.look()
    assert [run.label for run in watched.runs] == ["good"]
    assert {label: problem.code for label, problem in watched.problems.items()} == {
        "broken": "syntax",
        "damaged": "run_missing",
    }
    good = RunDirectory(tmp_path / "good")
    history = good.history.path.read_text()
    good.history.path.write_text(history + '{"step": 41, "gradients": {"blocks": {"a": 1}}}\n')  # JSON, but of no run
    watched.look()
    assert watched.problems["good"].code == "run_missing"
    good.history.path.write_text(history)
    watched.look()
    assert [run.label for run in watched.runs] == ["good"]
    for name in ("plan.json", "origin.json", "environment.json"):
        (good.path / name).unlink()
    good.history.path.unlink()
    watched.look()
    assert set(watched.problems) == {"good", "broken", "damaged"}


def test_of_many_runs_the_newest_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(watched_runs, "MOST_RUNS", 2)
    for place, name in enumerate("abc"):
        run = made(tmp_path / name)
        for path in run.path.rglob("*"):
            os.utime(path, (1e9 + (7 - place) * 100,) * 2)
    watched = WatchedRuns([tmp_path])
    watched.look()
    assert ([run.label for run in watched.runs], watched.left_out) == (["a", "b"], 1)


def test_what_is_inside_a_run_is_none(tmp_path):
    run = made(tmp_path / "run")
    shutil.copytree(run.path, run.path / "export" / "copy")
    made(tmp_path / ".hidden")
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "recipe.yaml").write_text("epochs: 1")
    assert list(find_runs(tmp_path)) == [run.path]


def test_several_places_have_names_of_their_own(tmp_path):
    one, other = made(tmp_path / "one").path, made(tmp_path / "study" / "a")
    watched = WatchedRuns([one, other.path.parent])
    watched.look()
    assert [run.label for run in watched.runs] == ["one", "study/a"]


def test_an_evaluation_is_asked_for_again_when_it_has_come(tmp_path):
    run = made(tmp_path / "run")
    run.model.touch()
    asked = []
    watched = WatchedRuns([run.path], lambda run: asked.append(run.path))
    watched.look()
    watched.look()
    assert len(asked) == 1
    watched.gather_again(run.path)
    assert watched.look() is Change.RUNS
    assert len(asked) == 2


@pytest.mark.parametrize("places", [["none"], ["run", "run"]])
def test_what_is_no_place_is_refused(tmp_path, places):
    made(tmp_path / "run")
    with pytest.raises(KresnetError) as caught:
        WatchedRuns([tmp_path / name for name in places])
    assert caught.value.problems[0].code == {"none": "file_missing"}.get(places[0], "bad_option")
