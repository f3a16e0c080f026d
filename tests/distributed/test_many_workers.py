"""Several workers, and every way in which one of several can end; minutes long: `make test-distributed`."""

import random
import signal
from pathlib import Path

import pytest

from tests.command import kresnet
from tests.distributed.worker_processes import (
    PATIENCE_SECONDS,
    STEPS,
    WorkerProcesses,
    assert_rounding_apart,
    assert_same_run,
    fit,
    newest_step,
    start_workers,
    write_inputs,
)

pytestmark = pytest.mark.slow

FIT = ("tiny.yaml", "--recipe", "short.yaml")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("workers")
    write_inputs(directory)
    return directory


@pytest.fixture(scope="module")
def one(home) -> Path:
    done = kresnet("fit", *FIT, "-o", "one", cwd=home)
    assert done.returncode == 0, done.stderr
    return home / "one"


@pytest.fixture(scope="module")
def two(home) -> Path:
    fit(home, 2, *FIT, "-o", "two")
    return home / "two"


@pytest.fixture(scope="module")
def four(home) -> Path:
    fit(home, 4, *FIT, "-o", "four")
    return home / "four"


@pytest.mark.parametrize("several", ["two", "four"])
def test_several_workers_train_what_one_process_trains(one, several, request):
    """Twice as long as tests/distributed/test_two_workers.py."""
    assert_rounding_apart(one, request.getfixturevalue(several))


def require_lost(workers: WorkerProcesses, killed: int) -> None:
    """All but the killed one end in time, and name it."""
    told = workers.wait_for_all(PATIENCE_SECONDS)
    for rank, (status, _, message) in enumerate(told):
        if rank != killed:
            assert status == 1, message
            assert f"without worker {killed} (127.0.0.1:" in message
            assert "[peer_lost]" in message
            assert "Traceback" not in message


@pytest.mark.parametrize("killed", range(4))
def test_four_workers_go_on_after_one_was_killed(home, four, killed):
    """At a random moment of their steps, which are most of the time."""
    name, after = f"four-{killed}", random.Random(killed).randrange(3, 30)
    with start_workers(home, 4, "fit", *FIT, "-o", name) as workers:
        workers.wait_for(lambda: newest_step(home / name) >= after)
        workers.signal(killed, signal.SIGKILL)
        require_lost(workers, killed)
    assert newest_step(home / name) < STEPS
    fit(home, 4, "--resume", name)
    assert_same_run(home / name, four)


@pytest.mark.parametrize("killed", [0, 1])
@pytest.mark.parametrize("save", [2, 5])
def test_a_kill_in_the_middle_of_a_save(home, two, killed, save):
    """When the directory that the chief writes beside the checkpoints has appeared, and before it has its name."""
    name = f"save-{killed}-{save}"
    checkpoints = home / name / "checkpoints"
    with start_workers(home, 2, "fit", *FIT, "-o", name) as workers:
        workers.wait_for(lambda: newest_step(home / name) >= 3 * save and bool(list(checkpoints.glob(".step-*"))))
        workers.signal(killed, signal.SIGKILL)
        require_lost(workers, killed)
    assert newest_step(home / name) < STEPS
    fit(home, 2, "--resume", name)
    assert_same_run(home / name, two)


def test_a_worker_that_falls_silent_is_lost(home, two):
    """Stopped, not ended: its connections stay, as those of a machine without power do."""
    with start_workers(home, 2, "fit", *FIT, "-o", "silent") as workers:
        workers.wait_for(lambda: newest_step(home / "silent") >= 9)
        workers.signal(1, signal.SIGSTOP)
        _, message = workers.processes[0].communicate(timeout=PATIENCE_SECONDS)
        assert "[peer_lost]" in message
        assert workers.processes[0].returncode == 1
    fit(home, 2, "--resume", "silent")
    assert_same_run(home / "silent", two)


@pytest.mark.parametrize("asked", [0, 1])
def test_sigterm_to_one_stops_all_together(home, two, asked, tmp_path):
    """The other worker goes on in a directory that holds no run, as on a machine of its own."""
    name = f"terminated-{asked}"
    with start_workers(home, 2, "fit", *FIT, "-o", name) as workers:
        workers.wait_for(lambda: newest_step(home / name) >= 6)
        workers.signal(asked, signal.SIGTERM)
        told = workers.wait_for_all(PATIENCE_SECONDS)
    for status, _, message in told:
        assert status == 75, message
        assert f"Stopped after step {newest_step(home / name)} of {STEPS}; the state is saved. [interrupted]" in message
    fit(home, 2, "--resume", name, elsewhere=tmp_path)
    assert_same_run(home / name, two)
