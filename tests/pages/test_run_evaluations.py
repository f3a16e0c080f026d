"""Runs that have ended are evaluated elsewhere, once for each network, and nothing is while a run is under way."""

from __future__ import annotations

import os
import queue
import sys

import pytest

from kresnet.errors import KresnetError
from kresnet.evaluation.evaluation import Evaluation, NotEvaluated
from kresnet.pages import run_evaluations
from kresnet.pages.run_evaluations import RunEvaluations
from kresnet.runs.lock import RunLock
from tests.report.recorded_runs import made


@pytest.fixture
def evaluations():
    done = queue.Queue()
    found = RunEvaluations(done.put)
    found.done = done
    yield found
    found.close()


@pytest.mark.slow  # TensorFlow is imported in a new process, twice
def test_a_finished_run_is_evaluated_once_for_each_network(evaluations, tmp_path):
    import kresnet
    from tests.api.networks import SPEC, recipe

    run = kresnet.fit(SPEC, recipe(tmp_path), output=tmp_path / "run", progress=False)
    coming = evaluations(run.directory)
    assert isinstance(coming, NotEvaluated)
    assert evaluations(run.directory) == coming
    assert evaluations.done.get(timeout=300) == run.directory.path
    found = evaluations(run.directory)
    assert isinstance(found, Evaluation)
    assert found.metrics["accuracy"] == pytest.approx(run.result["test"]["accuracy"], abs=1e-6)
    assert evaluations(run.directory) is found
    assert evaluations.done.empty()
    os.utime(run.directory.model, (1e9, 1e9))  # another network
    assert evaluations(run.directory) == coming
    assert evaluations.done.get(timeout=300) == run.directory.path


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("Path(sys.argv[2]).write_bytes(pickle.dumps(Problem('data_missing', sys.argv[1])))", "data_missing", "run"),
        ("sys.exit(9)", "internal", "ended with status 9"),
    ],
    ids=["told", "ended"],
)
def test_what_prevents_an_evaluation_is_raised(evaluations, tmp_path, monkeypatch, program, code, message):
    run = made(tmp_path / "run")
    run.model.touch()
    imports = "import pickle, sys; from pathlib import Path; from kresnet.errors import Problem; "
    command = [sys.executable, "-P", "-c", imports + program]
    monkeypatch.setattr(run_evaluations, "python_command", lambda module, *words: [*command, *words])
    evaluations(run)
    evaluations.done.get(timeout=300)
    with pytest.raises(KresnetError) as caught:
        evaluations(run)
    assert caught.value.problems[0].code == code
    assert message in caught.value.problems[0].message


def test_a_run_under_way_is_left_alone(evaluations, tmp_path):
    run = made(tmp_path / "run")
    run.model.touch()
    with RunLock(run.path, lambda _: None):
        assert "under way" in evaluations(run).reason
    assert evaluations.done.empty()
