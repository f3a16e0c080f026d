"""The journal is only appended to, and survives a line that was cut short."""

from __future__ import annotations

from datetime import UTC, datetime

from kresnet.study.journal import Journal


def test_lines_are_appended_in_order(tmp_path):
    Journal(tmp_path).record_process({"variant": "plain", "seed": 0}, "finished", ["kresnet", "fit", "a b"], 1.26)
    Journal(tmp_path).record_call("kresnet study tiny", jobs=2, processes=1, seconds=3.0)
    process, call = Journal(tmp_path).lines()
    assert (process["event"], process["seconds"], process["command"]) == ("process", 1.3, "kresnet fit 'a b'")
    assert (call["event"], call["jobs"], call["processes"]) == ("call", 2, 1)
    assert datetime.fromisoformat(process["ended"]) <= datetime.fromisoformat(call["ended"]) <= datetime.now(UTC)


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    journal = Journal(tmp_path)
    journal.record_call("kresnet study tiny", jobs=1, processes=1, seconds=3.0)
    with journal.path.open("a") as file:
        file.write('{"event": "pro')
    assert [line["event"] for line in journal.lines()] == ["call"]


def test_the_time_of_a_run_is_that_of_all_its_processes(tmp_path):
    journal, run = Journal(tmp_path), {"variant": "plain", "seed": 0}
    for fold, seconds in ((1, 2.0), (2, 8.0), (1, 3.0)):
        journal.record_process(run | {"fold": fold}, "stopped", ["kresnet"], seconds)
    assert journal.run_seconds(run | {"fold": 1}) == 5.0
    assert journal.run_seconds(run) is None
