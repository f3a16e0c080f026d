"""What the process writes that looks at test images."""

from __future__ import annotations

import pickle

from kresnet.errors import Problem
from kresnet.pages import evaluation_process
from tests.report.recorded_runs import made


def test_a_problem_is_written_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation_process.os, "nice", lambda by: by)
    file = tmp_path / "found"
    evaluation_process.main(tmp_path / "none", file)
    assert pickle.loads(file.read_bytes()).code == "run_missing"
    run = made(tmp_path / "run")  # of data that are not those of this fingerprint
    run.model.touch()
    evaluation_process.main(run.path, file)
    found = pickle.loads(file.read_bytes())
    assert isinstance(found, Problem)
    assert found.code == "data_mismatch"
