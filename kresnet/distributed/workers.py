"""The line between the workers of a run: agreeing on what to do next, and hearing at once when one of them ends.

TensorFlow's collectives carry gradients; this line carries decisions (how many steps to take, whether to stop), the
state to begin with, and the reason why a worker ended. Each worker has one TCP connection to the chief, made by
`kresnet.distributed.rendezvous`. Frames are JSON and bytes; nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.distributed.cluster import Cluster
from kresnet.errors import KresnetError, make_error

#: A worker says that it lives this often, and is taken for lost after this long a silence; seconds.
HEARTBEAT_SECONDS, SILENCE_SECONDS = 2.0, 20.0
#: How long a process may still wait in TensorFlow after the loss of another, before it is ended. TensorFlow notices
#: by itself after about ten seconds.
GRACE_SECONDS = 20.0
#: How long after an error a lost worker may turn out to be the reason.
NOTICE_SECONDS = 3.0
#: TensorFlow's errors that have no other reason, though it may know sooner.
_BROKEN = ("UnavailableError", "AbortedError", "DeadlineExceededError", "CancelledError")

_HEAD = struct.Struct("!IQ")  # bytes of JSON, bytes of payload
_CHUNK = 1 << 20  # bytes sent or received within one time limit
_LARGEST = 1 << 40


class Connection:
    """One connection: frames of a JSON value and bytes, sent from any thread, read by one."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self._sending = connection, threading.Lock()

    def send(self, value: Any, payload: bytes = b"") -> None:
        text = json.dumps(value).encode()
        with self._sending:
            self.connection.sendall(_HEAD.pack(len(text), len(payload)) + text)
            view = memoryview(payload)
            for start in range(0, len(view), _CHUNK):
                self.connection.sendall(view[start : start + _CHUNK])

    def receive(self, most: int = _LARGEST) -> tuple[Any, bytes]:
        """The next frame, of at most `most` bytes.

        Raises:
            OSError: when the connection has ended, or was silent for longer than its timeout.
            ValueError: if what arrives is no frame.
        """
        text_size, payload_size = _HEAD.unpack(self._receive_exactly(_HEAD.size))
        if text_size + payload_size > most:
            raise ValueError("what it sent is no message of kresnet's")
        return json.loads(self._receive_exactly(text_size)), self._receive_exactly(payload_size)

    def _receive_exactly(self, count: int) -> bytes:
        buffer = bytearray(count)
        view, filled = memoryview(buffer), 0
        while filled < count:
            received = self.connection.recv_into(view[filled : filled + _CHUNK])
            if not received:
                raise ConnectionError("its connection ended")
            filled += received
        return bytes(buffer)

    def open(self) -> bool:
        """Whether the other end has not closed the connection; only where it is to send nothing."""
        try:
            something = select.select([self.connection], [], [], 0)[0]
            return not something or bool(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def close(self) -> None:
        self.connection.close()


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """That a worker ended before the run did, and why."""

    rank: int
    reason: str


class Workers:
    """The workers of a run as one of them sees them; here, the only one.

    Attributes:
        rank: of this worker; the chief has 0.
        count: of all workers.
    """

    rank, count = 0, 1

    @property
    def chief(self) -> bool:
        """Whether this worker writes the run directory and speaks for all."""
        return self.rank == 0

    def all_gather(self, value: Any) -> list[Any]:
        """What each worker gives, by rank; all must call it, and each waits for the others.

        Args:
            value: JSON-ready.

        Raises:
            KresnetError: `peer_lost`.
        """
        return [value]

    def broadcast(self, state: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The chief's arrays; all must call it.

        Raises:
            KresnetError: `peer_lost`.
        """
        return state

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """A run's work: an error that ends it here ends it everywhere, and the others' errors end it here.

        Raises:
            KresnetError: `peer_lost`, in place of the error that losing a worker makes TensorFlow raise.
        """
        yield


class ConnectedWorkers(Workers):
    """Several workers, one process each.

    Args:
        cluster: all of them.
        lines: to the others by rank; the chief has one to each, the others have one to the chief.
    """

    def __init__(self, cluster: Cluster, lines: Mapping[int, Connection]) -> None:
        self.cluster, self.connections = cluster, dict(lines)
        self.rank, self.count = cluster.rank, len(cluster.addresses)
        self._arrived: dict[int, queue.SimpleQueue[Any]] = {rank: queue.SimpleQueue() for rank in lines}
        self._loss: WorkerFailure | None = None
        self._lost, self._ended = threading.Event(), threading.Event()
        self._gone = {rank: threading.Event() for rank in lines}
        for rank, line in self.connections.items():
            line.connection.settimeout(SILENCE_SECONDS)
            threading.Thread(target=self._read_messages, args=(rank, line), daemon=True).start()
        threading.Thread(target=self._send_heartbeats, daemon=True).start()

    def all_gather(self, value: Any) -> list[Any]:
        if self.chief:
            values = [value, *(self._next_message(rank)[0] for rank in range(1, self.count))]
            self._send_to_all({"kind": "data", "value": values})
            return values
        self._send_to_all({"kind": "data", "value": value})
        return self._next_message(0)[0]

    def broadcast(self, state: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        if not self.chief:
            with np.load(io.BytesIO(self._next_message(0)[1]), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        buffer = io.BytesIO()
        np.savez(buffer, **state)  # type: ignore[arg-type]
        self._send_to_all({"kind": "data", "value": None}, buffer.getvalue())
        return state

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        try:
            yield
        except KresnetError as error:
            reason = " ".join(f"{problem.message} [{problem.code}]" for problem in error.problems)
            self._announce_end({"kind": "lost", "rank": self.rank, "reason": reason})
            raise
        except BaseException as error:
            broken = type(error).__name__ in _BROKEN
            if self._lost.wait(NOTICE_SECONDS + (SILENCE_SECONDS if broken else 0)):
                self._ended.set()
                raise self._peer_lost() from error
            self._announce_end({"kind": "lost", "rank": self.rank, "reason": f"it met {type(error).__name__}"})
            raise
        self._announce_end({"kind": "well"})
        self._wait_for_goodbyes()

    def _announce_end(self, word: Any) -> None:
        self._ended.set()
        self._send_to_all(word)

    def _wait_for_goodbyes(self) -> None:
        """The chief's process ends last, since TensorFlow's coordination lives in it."""
        if self.chief:
            for gone in self._gone.values():
                gone.wait(HEARTBEAT_SECONDS)

    def _next_message(self, rank: int) -> tuple[Any, bytes]:
        """The next value and bytes that a worker sends."""
        arrived = self._arrived[rank].get()
        if arrived is None:
            raise self._peer_lost()
        return arrived

    def _send_to_all(self, value: Any, payload: bytes = b"") -> None:
        for line in self.connections.values():
            with contextlib.suppress(OSError):  # a connection that ended is the reader's to notice
                line.send(value, payload)

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self._send_to_all({"kind": "alive"})

    def _read_messages(self, rank: int, line: Connection) -> None:
        """Receive what a worker sends, until it ends."""
        reason, well = "", False
        while not reason:
            try:
                message, payload = line.receive()
            except TimeoutError:
                reason = f"nothing was heard from it for {SILENCE_SECONDS:g} s"
            except (OSError, ValueError) as error:
                reason = str(error)
            else:
                match message["kind"]:
                    case "data":
                        self._arrived[rank].put((message["value"], payload))
                    case "lost":
                        self._record_failure(WorkerFailure(message["rank"], message["reason"]))
                    case "well":
                        well = True
        if not well:
            self._record_failure(WorkerFailure(rank, reason))
        self._gone[rank].set()

    def _record_failure(self, loss: WorkerFailure) -> None:
        """Take note that a worker ended, tell the others, and see to it that this process ends too."""
        if self._ended.is_set() or self._loss:
            return
        self._loss = loss
        self._lost.set()
        if self.chief:
            self._send_to_all({"kind": "lost", "rank": loss.rank, "reason": loss.reason})
        for arrived in self._arrived.values():
            arrived.put(None)
        threading.Thread(target=self._exit_if_blocked, daemon=True).start()

    def _exit_if_blocked(self) -> None:
        """End a process that TensorFlow holds: nothing else interrupts a collective whose partner is gone."""
        if not self._ended.wait(GRACE_SECONDS):
            error = self._peer_lost()
            print(error, file=sys.stderr, flush=True)
            os._exit(error.status)

    def _peer_lost(self) -> KresnetError:
        assert self._loss
        message = f"The run cannot go on without {self.cluster.name(self._loss.rank)}: {self._loss.reason}"
        return make_error(
            "peer_lost", message.rstrip(".") + ".", remedy="start all workers again with kresnet fit --resume RUN"
        )
