"""What a run tells between two epochs is read back, half of it is no trouble, and nothing of it can end a run."""

from __future__ import annotations

import re

from kresnet.runs import live_progress
from kresnet.runs.live_progress import ProgressFile, logged, read_log, read_progress


def told(path, monkeypatch, step=25, started=20):
    """Write progress as a process does that began after `started` steps and is at `step` ten seconds later."""
    file = ProgressFile(path)
    monkeypatch.setattr(live_progress.time, "time", lambda: 1000.0)
    file.begin(started)
    monkeypatch.setattr(live_progress.time, "time", lambda: 1010.0)
    file.write(step, (42, 10), {"loss": float("nan"), "accuracy": 0.5}, (123.0, 0.25), 2**30)
    return file


def test_what_is_told_is_read_back_and_says_what_is_left(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    file = told(path, monkeypatch)
    assert not file.due  # it has just been written
    found = read_progress(path)
    assert found.metrics == {"loss": None, "accuracy": 0.5}
    assert (found.epoch, found.epochs) == (3, 5)
    assert found.seconds_left == 10 / 5 * 17
    assert (found.images_per_second, found.input_wait, found.memory, found.written) == (123.0, 0.25, 2**30, 1010.0)


def test_the_first_step_of_an_epoch_is_in_it_and_no_step_says_nothing_of_the_time(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    epochs = {}
    for step in (0, 1, 10, 11):
        told(path, monkeypatch, step=step, started=0)
        epochs[step] = read_progress(path).epoch
    assert epochs == {0: 1, 1: 1, 10: 1, 11: 2}
    told(path, monkeypatch, step=20, started=20)
    assert read_progress(path).seconds_left is None


def test_half_a_file_and_none_are_nothing(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    told(path, monkeypatch)
    text = path.read_text()
    for cut in range(0, len(text) - 2, 7):
        path.write_text(text[:cut])
        assert read_progress(path) is None
    for other in ("[]", "{}", '{"step": 1}', text.replace("10,", "0,")):
        path.write_text(other)
        assert read_progress(path) is None
    assert read_progress(tmp_path / "none.json") is None


def test_who_goes_on_tells_nothing_of_the_process_before(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    told(path, monkeypatch)
    ProgressFile(path).begin(20)
    assert read_progress(path) is None


def test_a_disk_that_refuses_is_no_trouble(tmp_path, monkeypatch):
    told(tmp_path / "gone" / "progress.json", monkeypatch)
    heard = []
    logged(heard.append, tmp_path / "gone" / "log.txt")("a sentence")
    assert heard == ["a sentence"]
    assert list(tmp_path.iterdir()) == []


def test_a_log_has_a_line_for_each_message_with_its_time(tmp_path):
    path, heard = tmp_path / "log.txt", []
    log = logged(heard.append, path)
    log("one\nand more")
    log("two \udce9")
    lines = read_log(path, 5)
    assert heard[0] == "one\nand more"
    assert [line.partition(" ")[2] for line in lines] == ["one and more", "two \\udce9"]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in lines)


def test_only_whole_lines_of_a_log_are_read_and_only_its_end(tmp_path):
    path = tmp_path / "log.txt"
    assert read_log(path, 3) == ()
    path.write_text("".join(f"line {n} of a long log\n" for n in range(5000)) + "half a li")
    assert read_log(path, 3) == tuple(f"line {n} of a long log" for n in (4997, 4998, 4999))
    assert len(read_log(path, 5000)) < 5000
    assert all(line.startswith("line ") and line.endswith(" log") for line in read_log(path, 5000))
    path.write_text("half")
    assert read_log(path, 3) == ()
