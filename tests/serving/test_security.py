"""No request opens a file, memory is bounded, slow clients are cut off, and only loopback is listened on."""

import contextlib
import gzip
import http.client
import json
import re
import shutil
import signal
import socket
import sys
import sysconfig
import time
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest

from kresnet.export.tensor_protos import proto_of_array
from kresnet.serving import protos
from tests.serving.conftest import started

VALUE = {"instances": [0.0]}
PREDICT = "/v1/models/toy:predict"
LIMIT = 1_000_000
#: Seconds within which a limit of one second must have been kept.
PATIENCE = 20


@pytest.fixture(scope="module")
def own(toys, tmp_path_factory):
    """A directory with one version of the toy."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(toys / "toy" / "1", folder / "toy" / "1")
    return folder


@pytest.fixture(scope="module")
def limited(own):
    """A server with little patience, and its process."""
    options = ["--request-bytes", str(LIMIT), "--request-seconds", "1", "--answer-seconds", "1"]
    with started(own, *options) as running:
        yield running


@pytest.fixture
def server(limited):
    yield limited[0]
    assert limited[0].post(PREDICT, VALUE) == (200, {"predictions": [1.0]}), "it serves on"


def connected(address):
    connection = socket.create_connection(address.removeprefix("http://").split(":"))
    connection.settimeout(PATIENCE)
    return connection


def ended(connection):
    """Whether the server has ended a connection, whatever it said before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def peak_mb(process):
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024


class TestFiles:
    NAMES = (
        "../../etc/passwd",
        "/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "file:%2f%2f%2fetc%2fpasswd",
    )

    def test_no_request_opens_a_file(self, own, tmp_path):
        """Whatever name a client sends, Python opens nothing but the models' own folders."""
        log = tmp_path / "opened"
        program = [sys.executable, str(Path(__file__).with_name("audited_cli.py")), str(log)]
        with started(own, program=program) as (server, _), server.channel() as channel:
            self._send(server, channel, ["absent"])  # what Python imports on the way
            known = len(log.read_text())
            self._send(server, channel, self.NAMES)
            time.sleep(2)  # the versions are looked at every second
            noted = [json.loads(line) for line in log.read_text()[known:].splitlines()]
        code = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        strange = [
            (event, name)
            for event, name in noted
            if not Path(name).is_relative_to(own) and not name.startswith(tuple(code))
        ]
        assert strange == []
        assert ["os.scandir", str(own)] in noted or ["os.listdir", str(own)] in noted, "the log sees the polling"

    @staticmethod
    def _send(server, channel, names):
        prediction, models = protos.PredictionServiceStub(channel), protos.ModelServiceStub(channel)
        for name in names:
            for path in (f"{name}:predict", f"toy/versions/{name}:predict", f"toy/labels/{name}:predict"):
                server.send(f"/v1/models/{path}", json.dumps(VALUE).encode())
                server.send(f"/v1/models/toy:{name}", json.dumps(VALUE).encode())
                server.send(f"/v1/models/{path.removesuffix(':predict')}")
                server.send(f"/v1/models/{path.removesuffix(':predict')}/metadata")
            server.send(f"/{name}")
            server.send(PREDICT, json.dumps({"signature_name": name, "instances": [name]}).encode())
            server.send(PREDICT, json.dumps({"signature_name": "echo_string", "instances": [name]}).encode())
            server.send("/v1/models/toy:classify", json.dumps({"examples": [{"x": name}]}).encode())
            text = proto_of_array(np.array([name.encode()], object))
            spec = protos.ModelSpec(name=name, signature_name=name)
            calls = [
                (prediction.Predict, protos.PredictRequest(model_spec=spec, inputs={name: text})),
                (prediction.Predict, protos.PredictRequest(model_spec={"name": "toy"}, inputs={"x": text})),
                (prediction.GetModelMetadata, protos.GetModelMetadataRequest(model_spec=spec, metadata_field=[name])),
                (models.GetModelStatus, protos.GetModelStatusRequest(model_spec=spec)),
                (models.HandleReloadConfigRequest, TestFiles._reload(name)),
            ]
            for call, message in calls:
                with pytest.raises(grpc.RpcError):
                    call(message, timeout=30)

    @staticmethod
    def _reload(name):
        request = protos.ReloadConfigRequest()
        request.config.model_config_list.config.add(name="toy", base_path=name)
        return request


class TestMemory:
    def test_a_body_too_large(self, server):
        status, answer = server.post(PREDICT, {"instances": [0.0] * LIMIT})
        assert status == 413
        assert f"over {LIMIT} bytes" in answer["error"]

    def test_a_small_body_that_unpacks_to_a_large_one(self, limited, server):
        before, zeros = peak_mb(limited[1]), gzip.compress(bytes(200 * 1024**2))
        connection = http.client.HTTPConnection(urlsplit(server.rest).netloc, timeout=PATIENCE)
        connection.request("POST", PREDICT, zeros[:LIMIT], {"Content-Encoding": "gzip"})
        assert connection.getresponse().status == 413
        assert peak_mb(limited[1]) - before < 20

    def test_a_message_too_large(self, server):
        large = protos.TensorProto(dtype=protos.DataType.DT_FLOAT, tensor_content=bytes(LIMIT))
        request = protos.PredictRequest(model_spec={"name": "toy"}, inputs={"x": large})
        with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
            protos.PredictionServiceStub(channel).Predict(request, timeout=30)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_a_small_message_that_declares_a_large_tensor(self, limited, server):
        before = peak_mb(limited[1])
        large = protos.TensorProto(dtype=protos.DataType.DT_FLOAT, float_val=[1.0])
        large.tensor_shape.dim.add(size=2**28)
        request = protos.PredictRequest(model_spec={"name": "toy"}, inputs={"x": large})
        with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
            protos.PredictionServiceStub(channel).Predict(request, timeout=30)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert peak_mb(limited[1]) - before < 20

    def test_json_of_many_small_things(self, limited, server):
        """Python's objects are up to 45 times as large as their text; what one body took, the next may use again."""
        before = peak_mb(limited[1])
        for part in ("[],", "{},", '"a",', "1,", "1.5,", "null,", "[[[[[1]]]]],"):
            for form in ("instances", "inputs"):
                server.send(PREDICT, f'{{"{form}": [{part * ((LIMIT - 50) // len(part))}0]}}'.encode())
        assert peak_mb(limited[1]) - before < 2 * 45 * LIMIT / 1024**2

    def test_metrics_do_not_grow_with_what_clients_ask_for(self, server):
        for index in range(20):
            server.post(f"/v1/models/none{index}:predict", VALUE)
        _, page = server.send("/monitoring/prometheus/metrics")
        assert b"none" not in page


class TestSlowClients:
    def test_a_body_that_never_comes(self, server):
        with connected(server.rest) as slow:
            slow.sendall(b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")

    def test_a_head_that_never_ends(self, server):
        with connected(server.rest) as slow:
            slow.sendall(b"POST /v1/mod")
            assert ended(slow)

    def test_nothing_is_asked(self, server):
        with connected(server.rest) as slow:
            assert ended(slow)

    def test_an_answer_that_is_not_taken(self, server):
        """The answer is larger than what the system holds for a client that does not read."""
        values = json.dumps({"signature_name": "echo_string", "inputs": ["x" * (LIMIT - 60)]}).encode()
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(values)}\r\n\r\n".encode()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            host, port = server.rest.removeprefix("http://").split(":")
            slow.connect((host, int(port)))
            sent = 0
            try:
                for _ in range(40):  # one after the other, and no answer is read
                    slow.sendall(head + values)
                    sent += 1
            except ConnectionError:
                pass
            assert sent < 40, "the server took no more from a client that takes nothing"
            assert ended(slow)

    def test_a_grpc_connection_that_says_nothing(self, server):
        with connected(server.grpc) as slow:
            assert ended(slow)

    def test_a_grpc_call_that_never_ends(self, server):
        """A message of which nothing follows: the connection that it comes by is replaced in time."""
        stop = []

        def never():
            while not stop:
                time.sleep(0.05)
            yield protos.PredictRequest()

        with server.channel() as channel:
            method = "/tensorflow.serving.PredictionService/Predict"
            call = channel.stream_unary(method, protos.PredictRequest.SerializeToString, bytes)
            waiting = call.future(never(), timeout=4 * PATIENCE)
            error = waiting.exception()
            stop.append(True)
        assert error.code() != grpc.StatusCode.DEADLINE_EXCEEDED


class TestNetwork:
    def test_only_loopback_is_listened_on(self, limited):
        """Of all the sockets of the process, over IPv4 and IPv6."""
        process = limited[1]
        inodes = set()
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile, hence not listened on
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                    inodes.add(found[1])
        listening = {}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    address, _, port = fields[1].partition(":")
                    listening[int(port, 16)] = address
        ports = [int(address.rpartition(":")[2]) for address in (limited[0].rest, limited[0].grpc)]
        assert sorted(listening) == sorted(ports)
        loopback = {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, and as gRPC's IPv6 socket has it
        assert set(listening.values()) <= loopback

    def test_it_ends_when_told_to(self, own):
        with started(own) as (server, process):
            assert server.post(PREDICT, VALUE)[0] == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
