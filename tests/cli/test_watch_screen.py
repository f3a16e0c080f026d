"""Runs under way on a terminal: what is shown of one, of many, and that a real terminal follows them."""

from __future__ import annotations

import io
import sys
import time

from kresnet import terminal
from kresnet.cli.watch_screen import screen, sparkline
from kresnet.report.watched_runs import WatchedRuns
from kresnet.runs.lock import RunLock
from tests.report.recorded_runs import line, made, tell_progress
from tests.screen import Screen


def printed(*places, width: int = 100) -> str:
    watched, stream = WatchedRuns(places), io.StringIO()
    watched.look()
    console = terminal.console(stream)
    console.width = width
    console.print(screen(watched, stream))
    return stream.getvalue()


def test_a_run_under_way_is_shown_with_all_that_it_tells(tmp_path):
    run = made(tmp_path / "run", epochs=2)
    run.log.write_text("2026-11-27T18:30:12Z a \x1b[31mred\x1b[0m sentence\n")
    with RunLock(run.path, lambda _: None):
        tell_progress(run, 25, written=time.time())
        text = printed(run.path)
    for words in (
        "tiny: run",
        "Running, after step 25 of 40.",
        "epoch 3/4",
        "loss 1.2500  accuracy 0.5000  120 images/s  30 s left",
        "step 25 of 40, 25% waiting for data, 1 GiB",
        "epoch 2: test accuracy 0.8000 loss 0.5500",
        "best accuracy 0.8000 in epoch 2",
        "training loss 1.0000 █▁ 0.5000",
        "The gradient held in all 2 measurements",
        "batch norm, step 11: worst stem.norm by x, 5.0% of its tolerance",
        "a \\x1b[31mred\\x1b[0m sentence",
    ):
        assert words in text
    assert "\x1b" not in text


def test_many_runs_are_a_table_and_what_is_wrong_stands_below(tmp_path):
    for name in "abc":
        made(tmp_path / name, epochs=2)
    (made(tmp_path / "broken").path / "data.json").write_text("{")
    text = printed(tmp_path)
    assert text.splitlines()[2].split() == ["a", "stopped", "20/40", "0.5000", "0.8000", "0.8000", "1,002", "1%", "–"]
    assert "broken: " in text
    assert "[run_missing]" in text
    (tmp_path / "empty").mkdir()
    assert "There is no run in" in printed(tmp_path / "empty")
    narrow = printed(tmp_path, width=30)
    assert max(map(len, narrow.splitlines()[:12])) <= 30


def test_a_line_of_bars():
    assert sparkline([1.0, 2.0, 3.0], 10) == "▁▅█"
    assert sparkline([2.0, 2.0], 10) == "▁▁"
    assert sparkline(range(1000), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0], 8) == "▁"


def test_a_terminal_follows_a_run_until_ctrl_c(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    with Screen([sys.executable, "-m", "kresnet", "watch", str(run.path), "--terminal"]) as shown:
        shown.wait_until_shown("epoch 1: test accuracy 0.7900")
        run.history.append(line(2, 0.8))
        shown.wait_until_shown("epoch 2: test accuracy 0.8000")
        assert not any("epoch 1: test" in text for text in shown.lines)  # drawn over
        shown.interrupt()
        assert shown.finish() == 0
