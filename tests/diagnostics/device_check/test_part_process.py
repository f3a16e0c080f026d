"""Whatever ends a part's process is a verdict, with what the process said last."""

from __future__ import annotations

import time

import pytest

from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.diagnostics.device_check.part_process import PartProcess, run_parts
from tests.diagnostics.device_check.fake_parts import MODULE, part


def messages(process):
    deadline = time.monotonic() + 60
    while (message := process.next_message(deadline)) is not None:
        yield message


def test_a_process_tells_what_it_begins_finds_and_ends(tmp_path):
    with PartProcess([part("passing"), part("skipping")], DeviceContext(True, tmp_path), MODULE) as process:
        told = list(messages(process))
    assert [next(iter(message)) for message in told] == ["started", "result", "ended"] * 2
    assert told[1]["result"]["figures"] == {"length / m": 2.5}


@pytest.mark.parametrize(("name", "ending"), [("crashing", "SIGSEGV: last words"), ("leaving", "exit status 3")])
def test_how_a_process_ended_is_told(tmp_path, name, ending):
    with PartProcess([part(name)], DeviceContext(True, tmp_path), MODULE) as process:
        assert list(messages(process)) == [{"started": name}]
        assert ending in process.ending()


def test_an_error_is_a_verdict_and_ends_the_process(tmp_path):
    told = []
    assert not run_parts([part("raising"), part("passing")], DeviceContext(True, tmp_path), told.append)
    first, failed = (message["result"] for message in told if "result" in message)
    assert (first["name"], first["verdict"]) == ("first", "passed")
    assert (failed["name"], failed["verdict"]) == ("raising", "failed")
    assert failed["detail"].startswith("ValueError: what went wrong\n")
    assert told[-1] == {"ended": "raising"}


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("refusing", "pip install something"), ("exhausting", "end what else uses the device's memory")],
)
def test_an_error_that_is_understood_has_its_remedy(tmp_path, name, remedy):
    told = []
    run_parts([part(name)], DeviceContext(True, tmp_path), told.append)
    assert told[1]["result"]["remedy"].startswith(remedy)
