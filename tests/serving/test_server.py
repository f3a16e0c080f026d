"""The server starts as it is told to, or says why it does not."""

import socket

import pytest

from tests.command import kresnet
from tests.serving.conftest import started


@pytest.mark.parametrize("threads", [1, 2])
def test_the_user_may_say_otherwise(toys, threads):
    with started(toys, "--run-threads", str(threads)) as (server, _):
        for rows in (1, 40):
            values = [float(row) for row in range(rows)]
            answer = server.post("/v1/models/toy:predict", {"instances": values})[1]
            assert answer == {"predictions": [2.0 + 0.5 * value for value in values]}


def test_a_port_that_is_taken(toy_directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = kresnet(
            "serve", toy_directory, "--backend", "embedded", "--rest-port", taken.getsockname()[1], "--grpc-port", 0
        )
    assert done.returncode == 2
    assert "[environment]" in done.stderr
