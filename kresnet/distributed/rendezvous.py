"""The rendezvous of a cluster's workers, before TensorFlow starts: TensorFlow would wait in silence, or for ever.

Each worker listens on its own address, asks every other worker for its identity, then joins the chief. When all have
joined, the chief tells them to go on. All ports are then free again for TensorFlow's servers; the connections to the
chief stay open, for `ConnectedWorkers`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from kresnet.distributed.cluster import Cluster
from kresnet.distributed.connection import Connection
from kresnet.distributed.workers import ConnectedWorkers, Workers
from kresnet.errors import KresnetError, Problem, make_error

#: Environment variable: how long workers wait for each other at the start, in seconds.
WAIT_VARIABLE, WAIT_SECONDS = "KRESNET_WAIT_SECONDS", 300.0

_ATTEMPT_SECONDS, _PAUSE_SECONDS = 5.0, 0.2
_MAX_REQUEST_BYTES = 1 << 22

#: What a worker that connects to another may want: the other's identity only, or to join the chief.
IDENTIFY, JOIN = "to greet", "to report"


def rendezvous(cluster: Cluster, log: Callable[[str], None] = lambda _: None) -> Workers:
    """Wait until all workers of the cluster are there, and return them, connected.

    Args:
        cluster: the addresses of all workers, and the rank of this one.
        log: called, before the wait, with a sentence that says who is waited for.

    Raises:
        KresnetError: `environment`, naming every worker that could not be reached in time, and why; a worker that
            another's `TF_CONFIG` gives another rank; or a port that is in use.
    """
    if len(cluster.addresses) == 1:
        return Workers()
    deadline = time.monotonic() + wait_seconds()
    log(cluster.waiting_sentence(wait_seconds()))
    with _Listener(cluster) as listener:
        _identify_all(cluster, deadline)
        connections = listener.wait_for_all(deadline) if cluster.chief else {0: _join_chief(cluster, deadline)}
    return ConnectedWorkers(cluster, connections)


def wait_seconds() -> float:
    """Return how long workers wait for each other, in seconds.

    Raises:
        KresnetError: `environment`.
    """
    text = os.environ.get(WAIT_VARIABLE, str(WAIT_SECONDS))
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise make_error("environment", f"{WAIT_VARIABLE} is no time to wait.", expected="seconds above 0", found=text)


class _Listener:
    """Answers the other workers' requests, and keeps the connections of those that join the chief.

    Attributes:
        joined: connections of the workers that have joined, by rank.
        duplicate_rank: a rank that two live processes have joined with; None if there is none.
        changed: condition that is notified when either changes.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.joined = cluster, dict[int, Connection]()
        self.duplicate_rank: int | None = None
        self.changed = threading.Condition()
        port = int(cluster.addresses[cluster.rank].rpartition(":")[2])
        try:
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            self.server_socket = socket.create_server(("", port), family=family, dualstack_ipv6=both, backlog=1024)
        except OSError as error:
            reason = "is in use by another process" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            message = f"Port {port} of this machine, which is {cluster.worker_name(cluster.rank)}, {reason}."
            raise make_error(
                "environment", message, remedy="end that process, or give the workers other ports"
            ) from None

    def __enter__(self) -> _Listener:
        threading.Thread(target=self._accept_connections, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self.server_socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.server_socket.close()

    def wait_for_all(self, deadline: float) -> dict[int, Connection]:
        """Return the connections to all other workers, once each has joined, and tell the workers to go on."""
        others = range(1, len(self.cluster.addresses))
        with self.changed:
            self.changed.wait_for(
                lambda: len(self.joined) == len(others) or self.duplicate_rank is not None, deadline - time.monotonic()
            )
        if self.duplicate_rank is not None:
            message = f"Two processes take themselves for {self.cluster.worker_name(self.duplicate_rank)}."
            raise make_error("environment", message, remedy="give each worker its own task")
        missing = [rank for rank in others if rank not in self.joined]
        if missing:
            raise _absent_workers_error(self.cluster, dict.fromkeys(missing, "it did not reach all the others"))
        self._close()  # the port is TensorFlow's from now on
        for connection in self.joined.values():
            with contextlib.suppress(OSError):  # a worker that ended meanwhile is missed soon enough
                connection.send("go")
        return self.joined

    def _accept_connections(self) -> None:
        while True:
            try:
                accepted, _ = self.server_socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_request, args=(accepted,), daemon=True).start()

    def _answer_request(self, accepted: socket.socket) -> None:
        accepted.settimeout(_ATTEMPT_SECONDS)
        connection = Connection(accepted)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what is no worker may connect too
            request, _ = connection.receive(_MAX_REQUEST_BYTES)
            connection.send(_identity(self.cluster))
            if request["wants"] == JOIN and request["addresses"] == list(self.cluster.addresses):
                with self.changed:
                    earlier = self.joined.get(request["rank"])
                    if earlier and earlier.is_open():
                        self.duplicate_rank = request["rank"]
                    self.joined[request["rank"]] = connection
                    self.changed.notify_all()
                return
        connection.close()


def _identity(cluster: Cluster) -> dict[str, Any]:
    return {"rank": cluster.rank, "addresses": list(cluster.addresses)}


def _identify_all(cluster: Cluster, deadline: float) -> None:
    """Ask every other worker for its identity, until all have answered."""
    waiting = {rank: "it was not tried" for rank in range(len(cluster.addresses)) if rank != cluster.rank}
    while waiting:
        for rank in list(waiting):
            try:
                _connect_to(cluster, rank, IDENTIFY).close()
            except OSError as error:
                waiting[rank] = _describe_connection_error(error)
            else:
                del waiting[rank]
        if waiting and time.monotonic() > deadline:
            raise _absent_workers_error(cluster, waiting)
        if waiting:
            time.sleep(_PAUSE_SECONDS)


def _join_chief(cluster: Cluster, deadline: float) -> Connection:
    """Join the chief, and return the connection to it once all workers have joined."""
    connection = _connect_to(cluster, 0, JOIN)
    connection.socket.settimeout(max(deadline - time.monotonic(), _ATTEMPT_SECONDS) + _ATTEMPT_SECONDS)
    try:
        connection.receive()
    except (OSError, ValueError):
        raise _absent_workers_error(cluster, {0: "it ended while all were meeting"}) from None
    return connection


def _connect_to(cluster: Cluster, rank: int, wants: str) -> Connection:
    """Return a connection to the worker of that rank, which has confirmed its rank and its cluster.

    Args:
        cluster: the addresses of all workers, and the rank of this one.
        rank: the worker to connect to.
        wants: `IDENTIFY` or `JOIN`.

    Raises:
        OSError: if nothing answers at its address.
        KresnetError: `environment`, if what answers is not that worker.
    """
    host, _, port = cluster.addresses[rank].rpartition(":")
    connection = Connection(socket.create_connection((host.strip("[]"), int(port)), _ATTEMPT_SECONDS))
    try:
        connection.send({"wants": wants, **_identity(cluster)})
        answer, _ = connection.receive(_MAX_REQUEST_BYTES)
        expected = {"rank": rank, "addresses": list(cluster.addresses)}
    except ValueError:
        answer, expected = None, {}
    except OSError:
        connection.close()
        raise
    if answer != expected:
        connection.close()
        raise _wrong_worker_error(cluster, rank, answer)
    return connection


def _wrong_worker_error(cluster: Cluster, rank: int, answer: Any) -> KresnetError:
    remedy = "give all workers one cluster and each its own task; for another run on these machines, other ports"
    if not isinstance(answer, dict) or answer.get("addresses") != list(cluster.addresses):
        message = f"What answers in the place of {cluster.worker_name(rank)} is no worker of this cluster."
        return make_error("environment", message, remedy=remedy)
    message = f"{cluster.worker_name(rank)} takes itself for worker {answer.get('rank')}."
    return make_error("environment", message[0].upper() + message[1:], remedy=remedy)


def _describe_connection_error(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no host of that name"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _absent_workers_error(cluster: Cluster, reasons: dict[int, str]) -> KresnetError:
    seconds = f"{wait_seconds():g}"
    remedy = (
        f"start all workers within {seconds} s of each other, or let them wait longer: {WAIT_VARIABLE}=900; "
        + cluster.remedy_alone
    )
    named = f"The workers are those that {cluster.origin} name{'s' * (len(cluster.variables) == 1)}."
    return KresnetError(
        Problem("environment", f"W{cluster.worker_name(rank)[1:]} was not met within {seconds} s: {reason}. {named}",
                remedy=remedy)
        for rank, reason in reasons.items()
    )  # fmt: skip
