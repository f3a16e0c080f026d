"""Runs in Python, stopped and continued in this one process."""

from __future__ import annotations

import signal

import pytest

import kresnet
from kresnet.api import training
from kresnet.api.resume import require_pause
from kresnet.training.loop.progress import Progress, RunOutput
from tests.api.networks import SPEC, recipe
from tests.api.same_run import assert_same_run


def interrupting(after: int):
    """A display that presses the stop button, once, when so many steps are done."""
    pressed: list[int] = []

    class Display(Progress):
        def steps(self, step, metrics, images_per_second):
            if step >= after and not pressed:
                pressed.append(step)
                signal.raise_signal(signal.SIGINT)

    return lambda progress: RunOutput(make_progress=Display)


def test_an_interrupt_saves_the_state_and_resume_goes_on_bit_for_bit(whole, home, monkeypatch):
    monkeypatch.setattr(training, "run_output", interrupting(after=2))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="the state is saved") as caught:
        kresnet.fit(SPEC, recipe(home), output=home / "stopped")
    assert isinstance(caught.value.__cause__, kresnet.KresnetError)
    assert caught.value.__cause__.problems[0].code == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    run = kresnet.open_run(home / "stopped")
    assert (run.status.state, run.status.reason) == ("stopped", "interrupted")
    assert run.result is None
    with pytest.raises(kresnet.KresnetError, match="has not finished"):
        run.model()
    assert_same_run(run.resume(progress=False), whole)
    modified = (run.path / "result.json").stat().st_mtime_ns
    assert kresnet.resume(home / "stopped", progress=False).result == run.result
    assert (run.path / "result.json").stat().st_mtime_ns == modified


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True, "2"])
def test_a_run_pauses_after_whole_epochs(epochs):
    with pytest.raises(kresnet.KresnetError, match="after one epoch or more") as caught:
        require_pause(epochs)
    assert caught.value.problems[0].code == "bad_option"
    assert (require_pause(None), require_pause(1)) == (None, 1)
