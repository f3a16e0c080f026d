import fcntl
import json
import socket
import subprocess
import sys

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.lock import RunLock, is_held, names_writer, read_holder

HOLD = """
import sys, time
from pathlib import Path
from kresnet.runs.lock import RunLock
with RunLock(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


def silent(_: str) -> None:
    pass


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_of_the_first(tmp_path, holder):
    with pytest.raises(KresnetError) as error, RunLock(tmp_path, silent):
        pass
    problem = error.value.problems[0]
    assert problem.code == "run_locked"
    assert f"Process {holder.pid} on {socket.gethostname()}" in problem.message
    assert is_held(tmp_path)
    assert names_writer(tmp_path)


def test_the_lock_of_a_killed_process_is_recognised_as_stale(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert read_holder(tmp_path / "lock")["pid"] == holder.pid
    assert not is_held(tmp_path)
    assert not names_writer(tmp_path)
    told = []
    with RunLock(tmp_path, told.append):
        assert is_held(tmp_path)
    assert f"Process {holder.pid}" in told[0]
    with RunLock(tmp_path, pytest.fail):
        pass  # one that ended well leaves nothing to tell


@pytest.fixture
def without_locks(monkeypatch):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)


def left_by(path, **changes):
    with RunLock(path, silent):
        holder = read_holder(path / "lock")
    (path / "lock").write_text(json.dumps(holder | changes))


@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),  # this very process
        ({"pid": 2**22 + 1}, False),  # no such process
        ({"started": "another-boot/1"}, False),  # the number is another process's by now
        ({"host": "elsewhere"}, True),  # which nobody can look at from here
    ],
)
def test_without_locks_of_the_file_system_the_process_and_its_start_decide(tmp_path, changes, held):
    left_by(tmp_path, **changes)
    assert is_held(tmp_path) is held
    if not held:
        with RunLock(tmp_path, silent):
            return
    with pytest.raises(KresnetError) as error, RunLock(tmp_path, silent):
        pass
    assert ("rm " in error.value.problems[0].remedy) is ("host" in changes)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null", "\0\0"])
def test_a_lock_file_that_says_nothing_hinders_nobody(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    assert not is_held(tmp_path)
    with RunLock(tmp_path, pytest.fail):
        pass


@pytest.mark.parametrize("fate", ["deleted", "moved", "replaced"])
def test_a_run_that_is_no_longer_there_is_not_written_to(tmp_path, fate):
    run = tmp_path / "run"
    run.mkdir()
    with RunLock(run, silent) as lock:
        lock.require_held()
        run.rename(tmp_path / "away")
        if fate == "replaced":
            run.mkdir()
            (run / "lock").touch()
        with pytest.raises(KresnetError) as error:
            lock.require_held()
    assert error.value.problems[0].code == "run_missing"
