"""The latency of an export: measured of the folded network in the C++ runtime, by a process that takes requests."""

from __future__ import annotations

import json

import pytest

from kresnet.export import latency
from kresnet.export.capi import SavedModelSession
from kresnet.export.latency import measure_latency
from kresnet.spec.loading import load_spec
from tests.command import forked_python

SMALL = {"input.shape": [8, 8, 1], "stem.width": 4, "stages.*.width": 4}


def test_requests_of_the_batch_are_timed_and_the_norms_are_folded(monkeypatch):
    monkeypatch.setattr(latency, "_SECONDS", 0.0)
    seen = []
    run = SavedModelSession.run
    monkeypatch.setattr(
        SavedModelSession, "run", lambda self, name, inputs: seen.append(inputs) or run(self, name, inputs)
    )
    found = measure_latency(load_spec("quickstart", SMALL).value, batch=3)
    assert found.requests == latency._LEAST
    assert found.ms > 0
    assert found.p90_ms >= found.ms
    assert {values.shape for inputs in seen for values in inputs.values()} == {(3, 8, 8, 1)}


@pytest.mark.slow
def test_the_process_answers_each_line(tmp_path):
    program = "import sys, io, json; sys.stdin = open('in.jsonl'); from kresnet.export import latency; latency.main()"
    specs = [load_spec("quickstart", SMALL).value.document()]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"spec": spec, "batch": 1}) + "\n" for spec in specs))
    done = forked_python(program, cwd=tmp_path)
    (answer,) = map(json.loads, done.stdout.splitlines())
    assert answer["ms"] > 0
    assert answer["batch"] == 1
