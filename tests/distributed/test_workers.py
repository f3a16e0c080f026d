"""Workers connected in one process, each in a thread of its own: all-gather, broadcast, and the failure of one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from kresnet.distributed import workers as workers_module
from kresnet.distributed.cluster import Cluster
from kresnet.distributed.rendezvous import rendezvous
from kresnet.distributed.workers import Workers
from kresnet.errors import KresnetError, make_error
from tests.distributed.worker_processes import free_ports


def clusters(count: int) -> list[Cluster]:
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster(addresses, rank) for rank in range(count)]


def all_do(count: int, work: Callable[[Workers], Any]) -> list[Any]:
    """What `count` connected workers make of `work`, or the error that ends them."""

    def one(cluster: Cluster) -> Any:
        try:
            with (met := rendezvous(cluster)).fail_together():
                return work(met)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, clusters(count)))


@pytest.fixture(autouse=True)
def no_process_is_ended(monkeypatch):
    """Here a loss must end a thread's work, never the process."""
    ended = threading.Event()
    monkeypatch.setattr(workers_module.os, "_exit", lambda status: ended.set())
    yield
    assert not ended.is_set()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setenv("KRESNET_WAIT_SECONDS", "20")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_gather_returns_every_workers_value_by_rank(count):
    found = all_do(count, lambda workers: [workers.all_gather([turn, workers.rank]) for turn in range(3)])
    assert found == [[[[turn, rank] for rank in range(count)] for turn in range(3)]] * count


def test_gathered_arrays_of_all_workers_are_the_chiefs_by_rank():
    def gather(workers: Workers) -> Any:
        return workers.gather_arrays({"a": np.full((workers.rank, 2), workers.rank, np.float32), "b": np.arange(3)})

    chief, *others = all_do(3, gather)
    assert others == [None, None]
    assert [part["a"].tolist() for part in chief] == [[], [[1.0, 1.0]], [[2.0, 2.0]] * 2]
    assert all(part["b"].tolist() == [0, 1, 2] and part["a"].dtype == np.float32 for part in chief)


def test_broadcast_gives_all_workers_the_chiefs_arrays():
    def broadcast_state(workers: Workers) -> Any:
        state = {"a": np.full((300, 1000), workers.rank, np.float32), "b": np.int64(-workers.rank), "c": np.array([])}
        return workers.broadcast(state)

    for state in all_do(3, broadcast_state):
        assert {name: array.dtype.name for name, array in state.items()} == {
            "a": "float32",
            "b": "int64",
            "c": "float64",
        }
        assert not state["a"].any()
        assert state["a"].shape == (300, 1000)
        assert state["b"] == 0


@pytest.mark.parametrize("culprit", [0, 2])
def test_an_error_of_one_ends_all_and_says_why(culprit):
    def work(workers: Workers) -> None:
        if workers.rank == culprit:
            raise make_error("disk_full", "There is no room left.")
        workers.all_gather(None)

    found = all_do(3, work)
    assert all(isinstance(error, KresnetError) for error in found)
    assert [error.problems[0].code for error in found].count("peer_lost") == 2
    assert found[culprit].problems[0].code == "disk_full"
    assert f"worker {culprit} (127.0.0.1" in str(found[culprit - 1])
    assert "There is no room left. [disk_full]" in str(found[culprit - 1])


def test_an_error_of_tensorflows_after_a_loss_is_the_loss():
    def work(workers: Workers) -> None:
        if workers.rank == 1:
            raise make_error("disk_full", "There is no room left.")
        time.sleep(0.2)
        raise ConnectionError("what TensorFlow says when a collective breaks")

    assert "[peer_lost]" in str(all_do(2, work)[0])


def test_an_own_error_of_no_other_worker_stays_what_it_is(monkeypatch):
    monkeypatch.setattr(workers_module, "NOTICE_SECONDS", 0.2)

    def work(workers: Workers) -> None:
        if workers.rank == 1:
            raise ZeroDivisionError
        workers.all_gather(None)

    chief, other = all_do(2, work)
    assert isinstance(other, ZeroDivisionError)
    assert "it met ZeroDivisionError. [peer_lost]" in str(chief)


def test_silence_is_a_loss(monkeypatch):
    monkeypatch.setattr(workers_module, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(workers_module, "HEARTBEAT_SECONDS", 60)

    def work(workers: Workers) -> None:
        if workers.rank == 1:
            time.sleep(1.5)
        workers.all_gather(None)

    assert "nothing was heard from it for 0.5 s. [peer_lost]" in str(all_do(2, work)[0])
