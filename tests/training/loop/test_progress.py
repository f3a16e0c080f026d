"""The display of a run: one line that lives on a terminal, a line an epoch in a log."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kresnet.training.loop.progress import Progress, clock_text, fit_to_width
from tests.command import KRESNET
from tests.probes.small_networks import document
from tests.screen import Screen

PIECES = {
    "epoch 3/200": 0,
    "loss 1.2345": 1,
    "accuracy 0.9876": 3,
    "top 5 0.9": 5,
    "12,345 images/s": 4,
    "1:02 left": 2,
}

#: Two epochs of twenty steps, drawn as often as can be, with a word in between.
SHOWN = """
import sys
from kresnet.cli.common import log
from kresnet.training.loop import progress
progress.REDRAW_SECONDS = 0
shown = progress.Progress(40, 20, 0)
for step in range(1, 41):
    shown.steps(step, {"loss": 10.0 / step, "accuracy": step / 40, "top_5_accuracy": 1.0}, 1234.5)
    if step == 25:
        log("a word in between")
    if step % 20 == 0:
        measured = {"loss": 1.0, "accuracy": 0.5}
        shown.epoch({"epoch": step // 20, "step": step, "train": measured, "test": measured, "input_wait": 0.0,
                     "images_per_second": 1234.5})
"""


@pytest.mark.parametrize("width", range(1, 160))
def test_a_line_fits_and_says_what_matters_most(width: int) -> None:
    line = fit_to_width(PIECES, 0.3, width)
    assert line.cell_len <= width
    said = [text for text in PIECES if text in line.plain]
    important = sorted(PIECES, key=lambda text: PIECES[text])
    assert said == [text for text in PIECES if text in important[: len(said)]] or width < len("epoch 3/200")
    assert 0 <= line.plain.count("━") <= line.plain.count("━") + line.plain.count("┄") <= 20


def test_the_bar_shows_the_share() -> None:
    for share, full in ((0.0, 0), (0.5, 10), (1.0, 20)):
        assert fit_to_width(PIECES, share, 200).plain.count("━") == full


def test_a_log_has_a_line_an_epoch_and_no_escapes() -> None:
    done = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert not done.stdout
    epochs = [line for line in done.stderr.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert done.stderr.splitlines() == [epochs[0], "a word in between", epochs[1]]
    measured = "loss 1.0000 accuracy 0.5000"
    assert epochs[1] == f"epoch 2/2  train {measured}  test {measured}  1,234 images/s  0:00 left"
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr


@pytest.mark.parametrize("columns", [20, 48, 100, 200])
def test_a_terminal_keeps_a_clean_line_an_epoch(columns: int) -> None:
    with Screen([sys.executable, "-c", SHOWN], columns=columns) as screen:
        assert screen.finish() == 0
    whole = "".join(line.ljust(columns) for line in screen.lines)  # a line an epoch may be longer than the terminal
    first, word, second = (whole.index(text) for text in ("epoch 1/2  train", "a word in between", "epoch 2/2  train"))
    assert first < word < second
    assert whole.count("epoch") == 2
    assert "━" not in whole
    assert not re.search(r"left\S", whole)
    for drawn in screen.raw.split(b"\r")[1:]:  # each drawing is one line that the next can cover
        if "━" in drawn.decode():
            text = re.sub(r"\x1b\[[\d;]*[mK]", "", drawn.decode()).rstrip("\n")
            assert len(text) < columns


def test_the_line_says_how_fast_and_how_long() -> None:
    """The clock stands still, so that the time left does not depend on the machine."""
    only_steps = SHOWN.partition("    if step == 25")[0] + "    if step == 10: break\n"
    only_steps = only_steps.replace("shown =", "progress.time.perf_counter = lambda: 1.0\nshown =")
    with Screen([sys.executable, "-c", only_steps], columns=130) as screen:
        assert screen.finish() == 0
    (line,) = screen.lines
    measured = "loss 1.0000  accuracy 0.2500  top 5 accuracy 1.0000"
    assert line == f"epoch 1/2  {'━' * 10}{'┄' * 10}  {measured}  1,234 images/s  0:00 left"
    colours = {screen.drawn.buffer[0][place].fg for place in range(130)}
    assert colours == {"default", "green"}


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_cannot_draw_over_gets_what_a_log_gets(environment: dict[str, str]) -> None:
    with Screen([sys.executable, "-c", SHOWN], environment, columns=200) as screen:
        assert screen.finish() == 0
    assert b"\x1b" not in screen.raw
    assert len(screen.lines) == 3


def test_colours_may_be_wanted_but_a_log_stays_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    shown = Progress(10, 5, 0, stream)
    shown.steps(3, {"loss": 1.0}, 10.0)
    assert not stream.getvalue()


def test_the_line_can_be_written_in_any_locale() -> None:
    with Screen(
        [sys.executable, "-c", "import sys; from kresnet.terminal import set_up; set_up(sys.stderr)\n" + SHOWN],
        {"PYTHONIOENCODING": "ascii"},
        columns=130,
    ) as screen:
        assert screen.finish() == 0
    assert b"==========----------" in re.sub(rb"\x1b\[[\d;]*m", b"", screen.raw)


def test_durations_in_hours_minutes_and_seconds() -> None:
    shown = {0: "0:00", 59.6: "1:00", 3599: "59:59", 3600: "1:00:00", 360_000: "100:00:00"}
    assert {seconds: clock_text(seconds) for seconds in shown} == shown


@pytest.mark.slow
def test_a_run_on_a_terminal(tmp_path: Path) -> None:
    """`kresnet fit --json`: its object on stdout, a file, and the epochs on stderr, a terminal."""
    (tmp_path / "tiny.json").write_text(json.dumps(document(stages=[{"blocks": 1, "width": 8, "stride": 2}])))
    given = ["--recipe", "quickstart", "--set", "recipe.epochs=2", "-o", "run", "--json"]
    with (
        (tmp_path / "out.json").open("w") as out,
        Screen([*KRESNET, "fit", "tiny.json", *given], columns=150, stdout=out, cwd=tmp_path) as screen,
    ):
        assert screen.finish() == 0, screen.lines
    assert json.loads((tmp_path / "out.json").read_text())["epochs"] == 2
    assert [line[:9] for line in screen.lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert not any("━" in line for line in screen.lines)
    assert "━".encode() in screen.raw
