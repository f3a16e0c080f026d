"""One TCP connection between two workers: frames of a JSON value and bytes; nothing is unpickled."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from typing import Any

_HEADER = struct.Struct("!IQ")  # bytes of JSON, bytes of payload
_CHUNK_BYTES = 1 << 20  # bytes sent or received within one time limit
_MAX_FRAME_BYTES = 1 << 40


class Connection:
    """A connection to one other worker. Any thread may send; one thread receives.

    Attributes:
        socket: the connected TCP socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self._sending = connected, threading.Lock()

    def send(self, value: Any, payload: bytes = b"") -> None:
        """Send one frame: a JSON-ready value and bytes.

        Raises:
            OSError: when the connection has ended, or takes nothing for longer than its timeout.
        """
        text = json.dumps(value).encode()
        with self._sending:
            self.socket.sendall(_HEADER.pack(len(text), len(payload)) + text)
            view = memoryview(payload)
            for start in range(0, len(view), _CHUNK_BYTES):
                self.socket.sendall(view[start : start + _CHUNK_BYTES])

    def receive(self, max_bytes: int = _MAX_FRAME_BYTES) -> tuple[Any, bytes]:
        """Return the value and the bytes of the next frame, which may have `max_bytes` at most.

        Raises:
            OSError: when the connection has ended, or was silent for longer than its timeout.
            ValueError: if what arrives is no frame.
        """
        text_size, payload_size = _HEADER.unpack(self._receive_exactly(_HEADER.size))
        if text_size + payload_size > max_bytes:
            raise ValueError("what it sent is no message of kresnet's")
        return json.loads(self._receive_exactly(text_size)), self._receive_exactly(payload_size)

    def _receive_exactly(self, count: int) -> bytes:
        buffer = bytearray(count)
        view, filled = memoryview(buffer), 0
        while filled < count:
            received = self.socket.recv_into(view[filled : filled + _CHUNK_BYTES])
            if not received:
                raise ConnectionError("its connection ended")
            filled += received
        return bytes(buffer)

    def is_open(self) -> bool:
        """Return whether the other worker still has the connection open; valid only while it sends nothing."""
        try:
            readable = select.select([self.socket], [], [], 0)[0]  # either bytes or the end
            return not readable or bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()
