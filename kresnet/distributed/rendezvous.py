"""How the workers of a cluster meet, before TensorFlow starts: TensorFlow would wait without a word, or for ever.

Each worker listens on its own address, asks every other one who it is, then reports to the chief; when all have
reported, the chief says go. All ports are then free again for TensorFlow's servers, while the connections to the chief
stay: they become the `ConnectedWorkers`' lines.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from typing import Any

from kresnet.distributed.cluster import Cluster
from kresnet.distributed.workers import ConnectedWorkers, Connection, Workers
from kresnet.errors import KresnetError, Problem, make_error

#: Environment variable: how long workers wait for each other at the start, in seconds.
WAIT_VARIABLE, WAIT_SECONDS = "KRESNET_WAIT_SECONDS", 300.0

_ATTEMPT_SECONDS, _PAUSE_SECONDS = 5.0, 0.2
_LARGEST_GREETING = 1 << 22  # bytes


def rendezvous(cluster: Cluster) -> Workers:
    """Meet the other workers.

    Raises:
        KresnetError: `environment`, naming every worker that could not be reached in time, and why; a worker that
            another's `TF_CONFIG` gives another rank; or a port that is in use.
    """
    if len(cluster.addresses) == 1:
        return Workers()
    deadline = time.monotonic() + wait_seconds()
    with _Listener(cluster) as reception:
        _require_all(cluster, deadline)
        lines = reception.wait_for_all(deadline) if cluster.chief else {0: _report_to_chief(cluster, deadline)}
    return ConnectedWorkers(cluster, lines)


def wait_seconds() -> float:
    """How long workers wait for each other.

    Raises:
        KresnetError: `environment`.
    """
    text = os.environ.get(WAIT_VARIABLE, str(WAIT_SECONDS))
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise make_error("environment", f"{WAIT_VARIABLE} is no time to wait.", expected="seconds above 0", found=text)


class _Listener:
    """Answers the other workers' questions, and keeps the connections of those that report to the chief."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.reported = cluster, dict[int, Connection]()
        self.twice: int | None = None  # a worker that two processes report as
        self.changed = threading.Condition()
        port = int(cluster.addresses[cluster.rank].rpartition(":")[2])
        try:
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            self.listener = socket.create_server(("", port), family=family, dualstack_ipv6=both, backlog=1024)
        except OSError as error:
            reason = "is in use by another process" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            message = f"Port {port} of this machine, which is {cluster.name(cluster.rank)}, {reason}."
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
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()

    def wait_for_all(self, deadline: float) -> dict[int, Connection]:
        """The lines to all other workers, once each has reported; tells them to go."""
        others = range(1, len(self.cluster.addresses))
        with self.changed:
            self.changed.wait_for(
                lambda: len(self.reported) == len(others) or self.twice is not None, deadline - time.monotonic()
            )
        if self.twice is not None:
            message = f"Two processes take themselves for {self.cluster.name(self.twice)}."
            raise make_error("environment", message, remedy="give each worker its own task")
        missing = [rank for rank in others if rank not in self.reported]
        if missing:
            raise _absent_workers_error(self.cluster, dict.fromkeys(missing, "it did not reach all the others"))
        self._close()  # the port is TensorFlow's from now on
        for line in self.reported.values():
            with contextlib.suppress(OSError):  # one that ended meanwhile is missed soon enough
                line.send("go")
        return self.reported

    def _accept_connections(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_greeting, args=(connection,), daemon=True).start()

    def _answer_greeting(self, connection: socket.socket) -> None:
        connection.settimeout(_ATTEMPT_SECONDS)
        line = Connection(connection)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # a stranger's knock
            asked, _ = line.receive(_LARGEST_GREETING)
            line.send(_identity(self.cluster))
            if asked["wants"] == "to report" and asked["addresses"] == list(self.cluster.addresses):
                with self.changed:
                    earlier = self.reported.get(asked["rank"])
                    if earlier and earlier.open():
                        self.twice = asked["rank"]
                    self.reported[asked["rank"]] = line
                    self.changed.notify_all()
                return
        line.close()


def _identity(cluster: Cluster) -> dict[str, Any]:
    return {"rank": cluster.rank, "addresses": list(cluster.addresses)}


def _require_all(cluster: Cluster, deadline: float) -> None:
    """Ask every other worker who it is, until all have answered."""
    waiting = {rank: "it was not tried" for rank in range(len(cluster.addresses)) if rank != cluster.rank}
    while waiting:
        for rank in list(waiting):
            try:
                _connect_to(cluster, rank, "to greet").close()
            except OSError as error:
                waiting[rank] = _connection_problem(error)
            else:
                del waiting[rank]
        if waiting and time.monotonic() > deadline:
            raise _absent_workers_error(cluster, waiting)
        if waiting:
            time.sleep(_PAUSE_SECONDS)


def _report_to_chief(cluster: Cluster, deadline: float) -> Connection:
    """The line to the chief, once it has said go."""
    line = _connect_to(cluster, 0, "to report")
    line.connection.settimeout(max(deadline - time.monotonic(), _ATTEMPT_SECONDS) + _ATTEMPT_SECONDS)
    try:
        line.receive()
    except (OSError, ValueError):
        raise _absent_workers_error(cluster, {0: "it ended while all were meeting"}) from None
    return line


def _connect_to(cluster: Cluster, rank: int, wants: str) -> Connection:
    """A connection to a worker that says it is the one.

    Raises:
        OSError: if nobody answers.
        KresnetError: `environment`, if somebody else does.
    """
    host, _, port = cluster.addresses[rank].rpartition(":")
    line = Connection(socket.create_connection((host.strip("[]"), int(port)), _ATTEMPT_SECONDS))
    try:
        line.send({"wants": wants, **_identity(cluster)})
        answer, _ = line.receive(_LARGEST_GREETING)
        expected = {"rank": rank, "addresses": list(cluster.addresses)}
    except ValueError:
        answer, expected = None, {}
    except OSError:
        line.close()
        raise
    if answer != expected:
        line.close()
        raise _wrong_peer_error(cluster, rank, answer)
    return line


def _wrong_peer_error(cluster: Cluster, rank: int, answer: Any) -> KresnetError:
    remedy = "give all workers one cluster and each its own task; for another run on these machines, other ports"
    if not isinstance(answer, dict) or answer.get("addresses") != list(cluster.addresses):
        message = f"What answers in the place of {cluster.name(rank)} is no worker of this cluster."
        return make_error("environment", message, remedy=remedy)
    message = f"{cluster.name(rank)} takes itself for worker {answer.get('rank')}."
    return make_error("environment", message[0].upper() + message[1:], remedy=remedy)


def _connection_problem(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no host of that name"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _absent_workers_error(cluster: Cluster, reasons: dict[int, str]) -> KresnetError:
    seconds = f"{wait_seconds():g}"
    remedy = f"start all workers within {seconds} s of each other, or let them wait longer: {WAIT_VARIABLE}=900"
    return KresnetError(
        Problem("environment", f"{cluster.name(rank).capitalize()} was not met within {seconds} s: {reason}.",
                remedy=remedy)
        for rank, reason in reasons.items()
    )  # fmt: skip
