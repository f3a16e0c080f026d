"""The workers of a run, as each of them sees the others: all-gather, broadcast, and prompt notice of a failure.

TensorFlow's collectives carry gradients. What is sent here are decisions (how many steps to take, whether to stop), the
initial state, and the reason why a worker failed. Each worker has one TCP connection to the chief, which
`kresnet.distributed.rendezvous` makes.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.distributed.cluster import Cluster
from kresnet.distributed.connection import Connection
from kresnet.errors import KresnetError, make_error

#: A worker sends a heartbeat this often, and counts as lost when nothing came from it for this long; seconds.
HEARTBEAT_SECONDS, SILENCE_SECONDS = 2.0, 20.0
#: How long a process may still wait in TensorFlow after another worker failed, before it is ended. TensorFlow notices
#: by itself after about ten seconds.
GRACE_SECONDS = 20.0
#: How long after an error here the failure of another worker may turn out to be its reason; seconds.
NOTICE_SECONDS = 3.0
#: TensorFlow's errors that only a failed worker causes; TensorFlow may raise them before its failure is known here.
_CONNECTION_ERRORS = ("UnavailableError", "AbortedError", "DeadlineExceededError", "CancelledError")


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """A worker's failure: it ended before the run did.

    Attributes:
        rank: rank of the worker that failed.
        reason: why it failed, in words.
    """

    rank: int
    reason: str


class Workers:
    """The workers of a run. This class stands for a run of one process; `ConnectedWorkers` for one of several.

    Attributes:
        rank: rank of this worker; the chief has 0.
        count: number of workers in the run.
    """

    rank, count = 0, 1

    @property
    def chief(self) -> bool:
        """Whether this worker writes the run directory and speaks for all."""
        return self.rank == 0

    def all_gather(self, value: Any) -> list[Any]:
        """Return the values of all workers, in order of rank. Every worker must call it, and waits for the others.

        Args:
            value: this worker's value, JSON-ready.

        Raises:
            KresnetError: `peer_lost`.
        """
        return [value]

    def broadcast(self, state: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Return the chief's arrays on every worker. Every worker must call it, with arrays of its own.

        Raises:
            KresnetError: `peer_lost`.
        """
        return state

    def gather_arrays(self, arrays: Mapping[str, np.ndarray]) -> list[Mapping[str, np.ndarray]] | None:
        """Return the arrays of all workers, in order of rank, in the chief; None in any other worker.

        Every worker must call it, with arrays of the same names.

        Raises:
            KresnetError: `peer_lost`.
        """
        return [arrays]

    @contextlib.contextmanager
    def fail_together(self) -> Iterator[None]:
        """Run the block as one of several workers: an error in one worker's block ends the blocks of all.

        Raises:
            KresnetError: `peer_lost`, in place of the error that losing a worker makes TensorFlow raise.
        """
        yield


class ConnectedWorkers(Workers):
    """The workers of a run of several processes, one worker each.

    Args:
        cluster: the addresses of all workers, and the rank of this one.
        connections: open connections by the other worker's rank: the chief has one to each worker, any other worker
            has one to the chief.
    """

    def __init__(self, cluster: Cluster, connections: Mapping[int, Connection]) -> None:
        self.cluster, self.connections = cluster, dict(connections)
        self.rank, self.count = cluster.rank, len(cluster.addresses)
        self._inboxes: dict[int, queue.SimpleQueue[Any]] = {rank: queue.SimpleQueue() for rank in connections}
        self._failure: WorkerFailure | None = None
        self._peer_failed, self._finished = threading.Event(), threading.Event()
        self._disconnected = {rank: threading.Event() for rank in connections}
        for rank, connection in self.connections.items():
            connection.socket.settimeout(SILENCE_SECONDS)
            threading.Thread(target=self._read_messages, args=(rank, connection), daemon=True).start()
        threading.Thread(target=self._send_heartbeats, daemon=True).start()

    def all_gather(self, value: Any) -> list[Any]:
        """See `Workers.all_gather`."""
        if self.chief:
            values = [value, *(self._next_message(rank)[0] for rank in range(1, self.count))]
            self._send_to_all({"kind": "data", "value": values})
            return values
        self._send_to_all({"kind": "data", "value": value})
        return self._next_message(0)[0]

    def broadcast(self, state: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """See `Workers.broadcast`."""
        if not self.chief:
            return _unpack_arrays(self._next_message(0)[1])
        self._send_to_all({"kind": "data", "value": None}, _pack_arrays(state))
        return state

    def gather_arrays(self, arrays: Mapping[str, np.ndarray]) -> list[Mapping[str, np.ndarray]] | None:
        """See `Workers.gather_arrays`."""
        if not self.chief:
            self._send_to_all({"kind": "data", "value": None}, _pack_arrays(arrays))
            return None
        return [arrays, *(_unpack_arrays(self._next_message(rank)[1]) for rank in range(1, self.count))]

    @contextlib.contextmanager
    def fail_together(self) -> Iterator[None]:
        """See `Workers.fail_together`."""
        try:
            yield
        except KresnetError as error:
            reason = " ".join(f"{problem.message} [{problem.code}]" for problem in error.problems)
            self._announce_end({"kind": "lost", "rank": self.rank, "reason": reason})
            raise
        except BaseException as error:
            broken = type(error).__name__ in _CONNECTION_ERRORS
            if self._peer_failed.wait(NOTICE_SECONDS + (SILENCE_SECONDS if broken else 0)):
                self._finished.set()
                raise self._peer_lost_error() from error
            self._announce_end({"kind": "lost", "rank": self.rank, "reason": f"it met {type(error).__name__}"})
            raise
        self._announce_end({"kind": "well"})
        self._wait_for_disconnects()

    def _announce_end(self, message: Any) -> None:
        """Tell the other workers that this one has ended, and how."""
        self._finished.set()
        self._send_to_all(message)

    def _wait_for_disconnects(self) -> None:
        """Let the chief's process end last, since TensorFlow's coordination service runs in it."""
        if self.chief:
            for gone in self._disconnected.values():
                gone.wait(HEARTBEAT_SECONDS)

    def _next_message(self, rank: int) -> tuple[Any, bytes]:
        """Return the next value and bytes that a worker sends."""
        arrived = self._inboxes[rank].get()
        if arrived is None:
            raise self._peer_lost_error()
        return arrived

    def _send_to_all(self, value: Any, payload: bytes = b"") -> None:
        for connection in self.connections.values():
            with contextlib.suppress(OSError):  # a connection that ended is the reader's to notice
                connection.send(value, payload)

    def _send_heartbeats(self) -> None:
        while not self._finished.wait(HEARTBEAT_SECONDS):
            self._send_to_all({"kind": "alive"})

    def _read_messages(self, rank: int, connection: Connection) -> None:
        """Receive what a worker sends, until it ends."""
        reason, well = "", False
        while not reason:
            try:
                message, payload = connection.receive()
            except TimeoutError:
                reason = f"nothing was heard from it for {SILENCE_SECONDS:g} s"
            except (OSError, ValueError) as error:
                reason = str(error)
            else:
                match message["kind"]:
                    case "data":
                        self._inboxes[rank].put((message["value"], payload))
                    case "lost":
                        self._record_failure(WorkerFailure(message["rank"], message["reason"]))
                    case "well":
                        well = True
        if not well:
            self._record_failure(WorkerFailure(rank, reason))
        self._disconnected[rank].set()

    def _record_failure(self, failure: WorkerFailure) -> None:
        """Note that a worker failed, tell the other workers, and make sure that this process ends too."""
        if self._finished.is_set() or self._failure:
            return
        self._failure = failure
        self._peer_failed.set()
        if self.chief:
            self._send_to_all({"kind": "lost", "rank": failure.rank, "reason": failure.reason})
        for arrived in self._inboxes.values():
            arrived.put(None)
        threading.Thread(target=self._exit_if_blocked, daemon=True).start()

    def _exit_if_blocked(self) -> None:
        """End this process if TensorFlow blocks it: nothing else ends a collective that waits for a lost worker."""
        if not self._finished.wait(GRACE_SECONDS):
            error = self._peer_lost_error()
            print(error, file=sys.stderr, flush=True)
            os._exit(error.status)

    def _peer_lost_error(self) -> KresnetError:
        assert self._failure
        message = f"The run cannot go on without {self.cluster.worker_name(self._failure.rank)}: {self._failure.reason}"
        return make_error(
            "peer_lost", message.rstrip(".") + ".", remedy="start all workers again with kresnet fit --resume RUN"
        )


def _pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays by name as the bytes of an `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _unpack_arrays(payload: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that `_pack_arrays` packed; nothing is unpickled."""
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
