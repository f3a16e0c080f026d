"""The server starts as it is told to, or says why it does not."""

import socket

import pytest

from kresnet.errors import KresnetError
from kresnet.serving import client, protos
from tests.command import kresnet
from tests.serving.conftest import started
from tests.serving.test_addresses import needs_ipv6


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
    assert "Another program listens on 127.0.0.1:" in done.stderr
    assert "another --rest-port" in done.stderr


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_is_served_over_rest_and_grpc(toy_directory, host):
    with started(toy_directory, "--host", host) as (server, _), server.channel() as channel:
        assert server.rest.startswith("http://[::1]:")
        assert server.post("/v1/models/toy:predict", {"instances": [0.0]})[0] == 200
        status = protos.ModelServiceStub(channel).GetModelStatus(
            protos.GetModelStatusRequest(model_spec={"name": "toy"}), timeout=30
        )
        assert status.model_version_status[0].version == 1
        with pytest.raises(KresnetError, match="refused with status"):
            client.predict(server.rest, "toy", [toy_directory / "toy" / "1" / "saved_model.pb"])
