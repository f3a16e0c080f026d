"""Two workers on loopback: against one process, and when one of them is killed."""

import json
import signal
from pathlib import Path

import pytest

import kresnet
from tests.command import ForkedCommand
from tests.distributed.worker_processes import (
    LATER_TOLERANCE,
    PATIENCE_SECONDS,
    assert_rounding_apart,
    assert_same_run,
    fit,
    newest_step,
    start_workers,
    write_inputs,
)

FIT = ("tiny.yaml", "--recipe", "short.yaml", "--set", "recipe.epochs=5")
STEPS = 25


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("workers")
    write_inputs(directory)
    return directory


@pytest.fixture(scope="module")
def told(home) -> list[tuple[int, str, str]]:
    """What two workers that train to the end say; their run is `two`."""
    return fit(home, 2, *FIT, "-o", "two", "--json")


@pytest.fixture(scope="module")
def two(home, told) -> Path:
    return home / "two"


@pytest.fixture(scope="module")
def killed(home) -> tuple[int, str]:
    """Status and message of a chief whose worker was killed; a process trains `one` beside it."""
    with start_workers(home, 2, "fit", *FIT, "-o", "killed") as workers:
        workers.wait_for(lambda: newest_step(home / "killed") > 9)
        workers.signal(1, signal.SIGKILL)
        one = ForkedCommand("fit", *FIT, "-o", "one", cwd=home)
        status, _, message = workers.wait_for_all(PATIENCE_SECONDS)[0]
        assert one.wait(300) == 0
    return status, message


def test_the_workers_agree_on_the_result(two, told):
    results = [json.loads(stdout) for _, stdout, _ in told]
    assert results[0] == results[1] == json.loads((two / "result.json").read_text())


def test_only_the_chief_writes_and_speaks(two, told):
    assert [stderr.count("epoch ") for _, _, stderr in told] == [5, 0]
    assert len(list((two / "tensorboard").iterdir())) == 1
    assert not list(two.rglob("*.tmp*"))


def test_two_workers_train_what_one_process_trains(home, two, killed):
    """The same images in the same order, and norm over all of them; the same held out, and tested on at the end."""
    assert_rounding_apart(home / "one", two, STEPS)
    described = [json.loads((run / "data.json").read_text()) for run in (home / "one", two)]
    assert described[0] == described[1]
    assert (described[1]["train_images"], described[1]["validation"]["counts"]) == (320, [40, 40])
    tested = [json.loads((run / "result.json").read_text())["test"]["loss"] for run in (home / "one", two)]
    assert tested[0] == pytest.approx(tested[1], rel=LATER_TOLERANCE)


def test_what_two_workers_measure_of_all_outputs_is_what_one_process_measures(two):
    """In `measure_split` the chief gathers the outputs of both; `evaluate` runs the same network in one process."""
    recorded = json.loads((two / "result.json").read_text())["test"]
    measured = kresnet.evaluate(two)
    assert {"macro_f1", "auroc_macro", "average_precision_micro", "negative_log_likelihood"} < recorded.keys()
    assert recorded == pytest.approx({name: measured[name] for name in recorded}, rel=1e-5)


def test_the_loss_of_a_worker_ends_the_chief_in_plain_words(killed):
    status, message = killed
    assert status == 1, message
    assert "[peer_lost]" in message
    assert "worker 1 (127.0.0.1:" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_all_started_again_go_on_bit_for_bit(home, two, killed):
    assert 9 < newest_step(home / "killed") < STEPS
    fit(home, 2, "--resume", "killed")
    assert_same_run(home / "killed", two)
