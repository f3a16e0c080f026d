"""The check goes on whatever a part does, and its report is there after each."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from kresnet.diagnostics.device_check import device_check
from kresnet.diagnostics.device_check.device_check import run_device_check
from kresnet.diagnostics.device_check.part_process import PartProcess
from kresnet.diagnostics.device_check.registry import select_parts
from tests.diagnostics.device_check.fake_parts import MODULE, part

FAKE = partial(PartProcess, module=MODULE)


def test_a_crash_a_hang_and_an_error_are_verdicts_and_the_rest_runs(tmp_path):
    names = ["passing", "raising", "crashing", "leaving", "reading", "skipping"]
    seen = []

    def look(entry):
        """The report on disk holds each result as soon as it is told."""
        seen.append(json.loads((tmp_path / "device-check.json").read_text())["results"][-1]["name"])

    report = run_device_check(
        [part(name) for name in names], quick=True, directory=tmp_path, on_entry=look, process=FAKE
    )
    verdicts = [(entry.part, entry.result.name, entry.result.verdict) for entry in report.entries]
    assert verdicts == [
        ("passing", "passing", "passed"),
        ("raising", "first", "passed"),
        ("raising", "raising", "failed"),
        ("crashing", "crashing", "failed"),
        ("leaving", "leaving", "failed"),
        ("reading", "reading", "passed"),
        ("skipping", "skipping", "skipped"),
    ]
    assert seen == [name for _, name, _ in verdicts]
    assert report.entries[5].result.figures == {"seen": 2.5}
    assert "SIGSEGV" in report.entries[3].result.detail
    assert report.complete
    assert not report.passed


def test_a_hang_ends_with_all_that_the_part_started(tmp_path, monkeypatch):
    monkeypatch.setattr(device_check.tempfile, "tempdir", str(tmp_path))
    report = run_device_check([part("hanging", seconds=1.0), part("passing")], quick=True, process=FAKE)
    hanging, passing = report.entries
    assert hanging.result.detail.startswith("it had not ended after 1 s")
    assert passing.result.verdict == "passed"
    child = int((tmp_path / "child").read_text())
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_a_process_that_never_starts_fails_all_its_parts_at_once(monkeypatch):
    monkeypatch.setattr(device_check, "START_SECONDS", 30.0)
    absent = partial(PartProcess, module="tests.diagnostics.device_check.absent")
    report = run_device_check([part("passing"), part("skipping")], quick=True, process=absent)
    assert [entry.result.verdict for entry in report.entries] == ["failed", "failed"]
    assert "absent" in report.entries[0].result.detail


@pytest.mark.slow
def test_this_machine_trains_as_kresnet_promises(tmp_path):
    """All parts but those that measure speed."""
    names = [part.name for part in select_parts([]) if part.process != "speed"]
    report = run_device_check(select_parts(names), quick=True, directory=tmp_path)
    assert report.passed, [(entry.part, entry.result) for entry in report.failed]
    assert {entry.part for entry in report.entries} == set(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device-check.json", "device-check.md"]
