"""The report says what was found, and what to do."""

from __future__ import annotations

import json
from dataclasses import replace

from kresnet.diagnostics.device_check.device_report import PartEntry, begin_report
from kresnet.diagnostics.device_check.part import PartResult

FAILED = PartEntry("xla", PartResult("XLA in float32", "failed", {"a|b": float("nan")}, "first\nsecond", "--json"), 2.0)
PASSED = PartEntry("devices", PartResult("devices", "passed", {"cores": 2, "processor": "some"}), 1.0)


def report():
    return replace(begin_report(True), entries=(PASSED, FAILED), complete=True, seconds=3.0)


def test_a_report_passes_when_it_is_complete_and_nothing_failed():
    good = replace(report(), entries=(PASSED,))
    assert good.passed
    assert not replace(good, complete=False).passed
    assert not report().passed


def test_the_error_has_a_problem_for_each_failure():
    (problem,) = report().error().problems
    assert (problem.code, problem.found, problem.remedy) == ("device_check_failed", "first", "--json")
    assert "xla: XLA in float32" in problem.message
    assert report().error().status == 1


def test_files_hold_the_same_and_are_replaced(tmp_path):
    replace(report(), entries=()).write(tmp_path)
    report().write(tmp_path)
    values = json.loads((tmp_path / "device-check.json").read_text())
    assert [result["name"] for result in values["results"]] == ["devices", "XLA in float32"]
    assert values["results"][1]["figures"] == {"a|b": None}
    page = (tmp_path / "device-check.md").read_text()
    assert "| xla | XLA in float32 | failed | a\\|b nan | 2.0 |" in page
    assert "first\nsecond" in page
    assert "To do: --json" in page
    assert values["system"]["kresnet"] in page
