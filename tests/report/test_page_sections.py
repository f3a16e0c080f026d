"""What the page says of a run, whatever became of it."""

import json
import time

from kresnet.errors import make_error
from kresnet.report.page_sections import (
    duration_text,
    environment_values,
    notices,
    overview_table,
    progress_tiles,
    status_notice,
    tiles,
)
from kresnet.report.run_data import gather_run_data
from kresnet.runs.lock import RunLock
from kresnet.weights.transfer import Transfer
from tests.report.recorded_runs import diverged, made, tell_progress


def recorded(tmp_path, **settings):
    made(tmp_path / "run", **settings)
    return gather_run_data(tmp_path / "run", "run", None)


def test_each_state_is_told_with_its_remedy(tmp_path):
    finished = status_notice(recorded(tmp_path / "finished"))
    assert (finished.kind, finished.text) == ("good", "Finished after step 40 of 40.")
    killed = status_notice(recorded(tmp_path / "killed", epochs=1))
    assert (killed.kind, killed.remedy) == ("warning", f"kresnet fit --resume {tmp_path / 'killed' / 'run'}")
    assert "was killed" in killed.text
    asked = status_notice(recorded(tmp_path / "asked", epochs=1, ended=make_error("interrupted", "Stopped.")))
    assert "was asked to stop" in asked.text
    failed = status_notice(recorded(tmp_path / "failed", epochs=1, ended=diverged()))
    assert (failed.kind, failed.remedy) == ("error", "a smaller rate")


def test_a_run_that_is_being_written_is_running(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    with RunLock(run.path, lambda text: None):
        run_data = gather_run_data(run.path, "run", None)
    assert status_notice(run_data).text.startswith("Still running, after step 10 of 40")
    assert status_notice(run_data).remedy == f"kresnet watch {run.path}"
    assert status_notice(run_data, live=True).text == "Running, after step 10 of 40."


def test_what_a_run_under_way_tells_is_shown_and_that_it_tells_nothing_any_more(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    tell_progress(run, 15, written=time.time())
    with RunLock(run.path, lambda text: None):
        run_data = gather_run_data(run.path, "run", None)
        shown = {tile.label: (tile.value, tile.note) for tile in progress_tiles(run_data)}
        tell_progress(run, 15, written=1e9)
        silent = status_notice(run_data.with_live_files(), live=True)
    assert shown["Step"] == ("15", "of 40, epoch 2 of 4, 50 s left")
    assert shown["Training loss"][0] == "1.2500"
    assert shown["Images a second"] == ("120", "25% of the time waiting for data")
    assert shown["Memory"][0] == "1 GiB"
    assert (silent.kind, "silent since 2001-09-09 01:46 UTC" in silent.text) == ("warning", True)
    assert "left" in overview_table([run_data, run_data]).head
    stopped = gather_run_data(run.path, "run", None)  # what it told last is of no use now
    assert not list(progress_tiles(stopped))
    assert "left" not in overview_table([stopped, stopped]).head


def test_an_early_end_is_no_failure(tmp_path):
    run = made(tmp_path / "run")
    run.result.write_text(json.dumps(run.read_result() | {"steps": 30}))
    assert status_notice(gather_run_data(run.path, "run", None)).text.endswith("early: it no longer got better.")


def test_what_is_out_of_the_ordinary_is_told(tmp_path):
    run = made(tmp_path / "run")
    (run.path / "changes.txt").write_text("after step 20: recipe.seed was 0 and is 1\n")
    transfer = Transfer("other.keras", sha256="0" * 64, freeze=("stem",), new=(), differing=())
    (run.path / "transfer.json").write_text(json.dumps(transfer.as_dict()))
    (run.path / "data.json").write_text(json.dumps(run.data() | {"skipped": {"train": ["a.png", "b.png"]}}))
    run.result.write_text(json.dumps(run.read_result() | {"non_finite": {"skipped": 3}}))
    texts = " ".join(notice.text for notice in notices(gather_run_data(run.path, "run", None)))
    for words in ("recipe.seed was 0", "other.keras; frozen: stem", "2 train images", "skipped: 3"):
        assert words in texts


def test_durations_have_their_unit():
    assert [duration_text(s) for s in (58.2, 66, 3723)] == ["58 s", "1:06 min", "1:02:03 h"]


def test_figures_say_of_which_images_they_are(tmp_path):
    validated = {"data": {"kind": "embedded", "validation": 0.1}}
    made(tmp_path / "tested")
    made(tmp_path / "validated", recipe=validated)
    made(tmp_path / "running", recipe=validated, epochs=2)
    runs = [gather_run_data(tmp_path / name, name, None) for name in ("tested", "validated", "running")]
    shown = [[(tile.label, tile.value, tile.note) for tile in tiles(run) if "accuracy" in tile.label] for run in runs]
    top = ("Test top-5 accuracy", "0.9900", "")
    assert shown[0] == [("Test accuracy", "0.8200", "best 0.8200, epoch 4"), top]
    best = ("Validation accuracy", "0.8200", "best 0.8200, epoch 4")
    assert shown[1] == [("Test accuracy", "0.7200", ""), ("Test top-5 accuracy", "0.8900", ""), best]
    assert shown[2] == [("Validation accuracy", "0.8000", "best 0.8000, epoch 2")]
    table = overview_table(runs)
    columns = [table.head.index(name) for name in ("test accuracy", "validation accuracy")]
    assert [tuple(row[column] for column in columns) for row in table.rows] == [
        ("0.8200", "–"), ("0.7200", "0.8200"), ("–", "0.8000")]  # fmt: skip
    assert environment_values(runs[1])["validation images"] == "900"
