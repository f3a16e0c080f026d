"""In a notebook a run draws one output anew and keeps a few lines; elsewhere it writes to standard error."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from kresnet.api.progress import SHOWN, NotebookProgress, in_notebook, run_output
from kresnet.terminal import log
from kresnet.training.loop.progress import Progress


class Screen:
    """Stands for IPython: what was displayed, and each time it was drawn anew."""

    def __init__(self) -> None:
        self.outputs: list[list[dict[str, str]]] = []

    def display(self, bundle, *, raw, display_id):
        assert raw
        assert display_id
        drawn = [bundle]
        self.outputs.append(drawn)
        return SimpleNamespace(update=lambda again, raw: drawn.append(again))


@pytest.fixture
def screen(monkeypatch) -> Screen:
    screen, package, module = Screen(), ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display = screen.display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return screen


def line(epoch: int, steps: int = 2) -> dict:
    metrics = {"loss": 0.5, "accuracy": 0.25}
    return {
        "epoch": epoch,
        "step": epoch * steps,
        "train": metrics,
        "test": metrics,
        "images_per_second": 10.0,
        "input_wait": 0.0,
    }


def test_a_notebook_is_known_by_its_kernel(screen):
    assert in_notebook()
    assert run_output(True) == (print, NotebookProgress)


@pytest.mark.parametrize("interactive", [None, SimpleNamespace()], ids=["a script", "a terminal"])
def test_ipython_alone_is_no_notebook(screen, monkeypatch, interactive):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: interactive)
    assert not in_notebook()
    assert run_output(True) == (log, Progress)


def test_without_ipython_it_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert "IPython" not in sys.modules


def test_one_output_however_long_the_run(screen):
    progress = NotebookProgress(200, 2, 0)
    for epoch in range(1, 101):
        progress.steps(2 * epoch - 1, {"loss": 0.5}, 10.0)
        progress.epoch(line(epoch))
    (drawn,) = screen.outputs
    last = drawn[-1]["text/plain"].splitlines()
    assert len(last) == SHOWN + 1
    assert last[0] == f"… {100 - SHOWN} earlier epochs, in the run's history"
    assert last[-1].startswith("epoch 100/100  train loss 0.5000 accuracy 0.2500")
    assert max(len(each["text/plain"].splitlines()) for each in drawn) == SHOWN + 2


def test_the_present_epoch_stands_below_those_that_ended(screen):
    progress = NotebookProgress(4, 2, 0)
    progress.steps(1, {"loss": 1.0}, 10.0)
    progress.epoch(line(1))
    progress.steps(3, {"loss": 0.5}, 10.0)
    first, ended, second = (each["text/plain"].splitlines() for each in screen.outputs[0])
    assert first[0].startswith("epoch 1/2  ━━━━━━━━━━┄┄┄┄┄┄┄┄┄┄  loss 1.0000")
    assert [each[:9] for each in ended] == ["epoch 1/2"]
    assert [each[:9] for each in second] == ["epoch 1/2", "epoch 2/2"]
    assert screen.outputs[0][0]["text/html"].startswith("<pre>epoch 1/2")
    assert not any("\x1b" in each["text/html"] for each in screen.outputs[0])


def test_without_progress_nothing_is_said(capsys):
    say, display = run_output(False)
    say("anything")
    shown = display(4, 2, 0)
    shown.steps(1, {"loss": 1.0}, 10.0)
    shown.epoch(line(1))
    assert capsys.readouterr() == ("", "")
