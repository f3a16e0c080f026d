"""A `kresnet fit` in a process of its own: what it printed, and how it ended."""

from __future__ import annotations

from kresnet.study.fit_process import FitProcess
from kresnet.study.resources import RunResources


def test_a_refused_run_fails_with_the_problem_that_it_printed(tmp_path):
    log = tmp_path / "logs" / "run.log"
    process = FitProcess(["no_such_spec", "-o", str(tmp_path / "run")], log, RunResources())
    state, problem = process.outcome()
    assert process.ended
    assert (state, problem.code) == ("failed", "unknown_name")
    assert "no_such_spec" in problem.message
    assert log.is_file()


def test_a_killed_run_says_by_which_signal(tmp_path):
    process = FitProcess(["quickstart", "-o", str(tmp_path / "run")], tmp_path / "run.log", RunResources())
    process.kill()
    state, problem = process.outcome()
    assert state == "failed"
    assert "SIGKILL" in problem.message
    assert str(tmp_path / "run.log") in problem.remedy
