"""What benchmarks of several libraries share: turns, questions to a worker, files of results and their tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.libraries import in_rounds, library_workers, option_parser, write_results
from benchmarks.machine import machine
from benchmarks.processes import ROOT
from benchmarks.report import report

WORKER = """
import sys, types
peer = types.ModuleType("peer")
peer.versions = lambda: {"peer": "1.0"}
sys.modules["benchmarks.peers.things_on_torch"] = peer
from benchmarks.library_worker import serve

def prepare(module, job):
    print("what a library prints")
    return lambda asked: {"sum": asked["number"] + job["add"], "module": module.__name__}

serve("things", prepare)
"""


def test_each_round_takes_all_turns_and_begins_with_another() -> None:
    rounds: dict[int, str] = {}
    for number, turn in in_rounds("abcdef", 3):
        rounds[number] = rounds.get(number, "") + turn
    assert rounds == {1: "abcdef", 2: "cdefab", 3: "efabcd"}


def test_a_worker_answers_what_it_is_asked_and_nothing_that_a_library_prints() -> None:
    lines = [{"library": "torch", "add": 40}, {"number": 2}, {"number": 3}]
    given = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([sys.executable, "-c", WORKER], input=given, capture_output=True, text=True, cwd=ROOT)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [{"versions": {"peer": "1.0"}}, *({"sum": sum, "module": "peer"} for sum in (42, 43))]


def test_without_pytorch_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering = tmp_path / "python"
    answering.write_text('#!/bin/sh\nread job\necho \'{"versions": {"tensorflow": "2"}}\'\nread asked\necho "$asked"\n')
    answering.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(answering))
    with library_workers("any", tmp_path / "missing", folder="f") as libraries:
        assert libraries.versions == {"tensorflow": "2"}
        assert list(libraries.workers) == ["tensorflow"]
        assert libraries.ask("tensorflow", what="flip", side=32) == {"what": "flip", "side": 32}
    assert "no PyTorch" in capsys.readouterr().err


def test_results_become_the_table_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, page = tmp_path / "results.json", tmp_path / "page.md"
    assert option_parser("", 2.0).parse_args(["-o", str(output)]).turn_seconds == 2.0
    write_results(output, [{"a": 1}], {"peer": "1.0"}, workers=2)
    known = json.loads(output.read_text())
    assert known["machine"] == machine()
    assert (known["entries"], known["versions"], known["workers"]) == ([{"a": 1}], {"peer": "1.0"}, 2)
    page.write_text("before\n<b>\nold\n<e>\nafter\n")
    monkeypatch.setattr(sys, "argv", ["report", str(output), "--docs", str(page)])
    report(None, lambda known: f"{len(known['entries'])} entry", ("<b>", "<e>"))
    assert page.read_text() == "before\n<b>\n1 entry\n<e>\nafter\n"
