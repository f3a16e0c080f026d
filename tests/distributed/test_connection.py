"""Frames between two ends of a socket, against Python's own `struct` and `json`."""

import json
import socket
import struct

import pytest

from kresnet.distributed.connection import Connection


@pytest.fixture
def ends():
    """A connection and the plain socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    with client, other:
        client.settimeout(10)
        other.settimeout(10)
        yield Connection(client), other


def test_a_frame_is_two_lengths_json_and_bytes(ends):
    connection, other = ends
    connection.send({"step": 3}, b"payload")
    text_size, payload_size = struct.unpack("!IQ", other.recv(12, socket.MSG_WAITALL))
    assert json.loads(other.recv(text_size, socket.MSG_WAITALL)) == {"step": 3}
    assert other.recv(payload_size, socket.MSG_WAITALL) == b"payload"


def test_frames_that_arrive_in_pieces_are_put_together(ends):
    connection, other = ends
    for text, payload in ((b'["a"]', b""), (b"null", bytes(range(256)) * 20)):
        frame = struct.pack("!IQ", len(text), len(payload)) + text + payload
        for start in range(0, len(frame), 7):
            other.sendall(frame[start : start + 7])
        assert connection.receive() == (json.loads(text), payload)


def test_a_frame_larger_than_allowed_is_refused_before_it_is_read(ends):
    connection, other = ends
    other.sendall(struct.pack("!IQ", 4, 1000))  # and none of the bytes
    with pytest.raises(ValueError, match="no message of kresnet's"):
        connection.receive(max_bytes=1003)


def test_an_end_within_a_frame_is_an_error(ends):
    connection, other = ends
    other.sendall(struct.pack("!IQ", 4, 0) + b"nu")
    other.close()
    with pytest.raises(ConnectionError, match="its connection ended"):
        connection.receive()


def test_a_connection_is_open_until_the_other_end_closes_it(ends):
    connection, other = ends
    assert connection.is_open()
    other.close()
    assert connection.socket.recv(1, socket.MSG_PEEK) == b""  # waits for the end to arrive
    assert not connection.is_open()
