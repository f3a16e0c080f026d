"""The rendezvous of workers in one process, each in a thread of its own, and all that can stand in its way."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kresnet.distributed import workers as workers_module
from kresnet.distributed.cluster import Cluster
from kresnet.distributed.connection import Connection
from kresnet.distributed.rendezvous import JOIN, _identity, _Listener, rendezvous
from kresnet.errors import KresnetError
from tests.distributed.worker_processes import free_ports


def clusters(count: int) -> list[Cluster]:
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster(addresses, rank) for rank in range(count)]


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


def test_absent_workers_are_named(monkeypatch):
    monkeypatch.setenv("KRESNET_WAIT_SECONDS", "0.5")
    cluster = clusters(3)[1]
    cluster = Cluster((cluster.addresses[0], cluster.addresses[1], "no-such-host.invalid:1"), 1)
    told: list[str] = []
    with pytest.raises(KresnetError) as caught:
        rendezvous(cluster, told.append)
    assert told == [cluster.waiting_sentence(0.5)]  # at once
    assert all("one_device" in problem.remedy for problem in caught.value.problems)
    assert "those that TF_CONFIG names" in str(caught.value)
    assert [problem.code for problem in caught.value.problems] == ["environment"] * 2
    assert "was not met within 0.5 s: connection refused" in str(caught.value)
    assert "there is no host of that name" in str(caught.value)


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(KresnetError, match="is in use by another process"):
            rendezvous(Cluster((address, "127.0.0.1:9"), 0))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\2\0\0\0\0\0\0\0\0[]"])
def test_another_program_at_a_workers_address_is_reported(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.sendall(answer)
            connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(KresnetError, match="is no worker of this cluster"):
            rendezvous(Cluster((f"127.0.0.1:{free_ports(1)[0]}", address), 0))


def test_one_process_under_two_names_is_told():
    port = free_ports(1)[0]
    with pytest.raises(KresnetError, match=r"Worker 1 .* takes itself for worker 0"):
        rendezvous(Cluster((f"127.0.0.1:{port}", f"localhost:{port}"), 0))


def test_workers_of_different_clusters_are_told(monkeypatch):
    """Whoever asks first hears it, and ends; then nobody may be left to tell the other."""
    monkeypatch.setenv("KRESNET_WAIT_SECONDS", "2")
    one, other = clusters(2)
    mistaken = Cluster(tuple(reversed(other.addresses)), 0)
    with ThreadPoolExecutor(2) as pool:
        errors = [pool.submit(rendezvous, cluster).exception for cluster in (one, mistaken)]
        told = [str(error()) for error in errors]
    assert all("[environment]" in each for each in told)
    assert any("is no worker of this cluster" in each for each in told)


@pytest.mark.parametrize("started_anew", [False, True])
def test_two_processes_with_one_task_are_told(started_anew):
    """But not one that was started anew after it had reported."""
    chief, worker = clusters(2)
    host, _, port = chief.addresses[0].rpartition(":")
    with _Listener(chief) as listener:
        connections = []
        for _ in range(2):
            before = listener.joined.get(worker.rank)
            connections.append(Connection(socket.create_connection((host, int(port)))))
            connections[-1].send({"wants": JOIN, **_identity(worker)})
            assert connections[-1].receive()[0] == _identity(chief)
            with listener.changed:
                assert listener.changed.wait_for(
                    lambda before=before: listener.joined.get(worker.rank) is not before, 20
                )
            if started_anew and len(connections) == 1:
                connections[0].close()
        if started_anew:
            assert list(listener.wait_for_all(time.monotonic() + 20)) == [1]
            assert connections[1].receive()[0] == "go"
        else:
            with listener.changed:
                assert listener.changed.wait_for(lambda: listener.duplicate_rank == 1, 20)
            with pytest.raises(KresnetError, match=r"Two processes take themselves for worker 1"):
                listener.wait_for_all(time.monotonic() + 20)


@pytest.mark.parametrize("noise", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 12])
def test_connections_of_other_programs_are_ignored(noise):
    found: list[Any] = []

    def join(cluster: Cluster) -> None:
        with (workers := rendezvous(cluster)).fail_together():  # so that no thread of theirs outlives the test
            found.append(workers)

    chief, worker = clusters(2)
    threads = [threading.Thread(target=join, args=(chief,))]
    threads[0].start()
    host, _, port = chief.addresses[0].rpartition(":")
    while True:
        try:
            other_program = socket.create_connection((host, int(port)))
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    other_program.sendall(noise)
    threads.append(threading.Thread(target=join, args=(worker,)))
    threads[1].start()
    for thread in threads:
        thread.join(20)
    assert sorted(each.rank for each in found) == [0, 1]


def test_a_wait_that_is_none_is_told(monkeypatch):
    monkeypatch.setenv("KRESNET_WAIT_SECONDS", "soon")
    with pytest.raises(KresnetError, match="is no time to wait"):
        rendezvous(clusters(2)[0])
