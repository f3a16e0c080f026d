"""A server to ask: the embedded one, or whichever `KRESNET_SERVER` and `KRESNET_SERVER_GRPC` name.

`KRESNET_SERVER_MODELS` names the folder that such a server polls, for the cases that add a version and remove one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.command import KRESNET, forked_python
from tests.export.conftest import exported, images, model  # noqa: F401 - fixtures


@dataclass(frozen=True)
class Server:
    """Where a server is, and how to ask it."""

    rest: str
    grpc: str

    def send(self, path: str, body: bytes | None = None, method: str | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.rest + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str) -> tuple[int, Any]:
        status, body = self.send(path)
        return status, json.loads(body)

    def post(self, path: str, document: Any) -> tuple[int, Any]:
        status, body = self.send(path, document if isinstance(document, bytes) else json.dumps(document).encode())
        return status, json.loads(body)

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.grpc)


@contextmanager
def started(
    models: Path, *options: str, program: Sequence[str] = KRESNET
) -> Iterator[tuple[Server, subprocess.Popen[str]]]:
    """`kresnet serve` in a process of its own, ended by its pid."""
    ports = ["--rest-port", "0", "--grpc-port", "0"]
    command = [*program, "serve", str(models), "--backend", "embedded", *ports, *options]
    process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE, cwd=models)
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith("REST at "):
                rest, grpc_address = line.split()[2].rstrip(","), line.split()[5]
                break
        else:
            pytest.fail("the server did not start: " + "".join(seen))
        yield Server(rest.removesuffix("/v1/models"), grpc_address), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("toys")
    program = "from tests.serving.toy_models import Path, sys, write; write(Path(sys.argv[1]))"
    forked_python(program, directory).check_returncode()
    return directory


@pytest.fixture
def toy_directory(toys: Path, tmp_path: Path) -> Path:
    """A directory with version 1 of the toy only, and no config."""
    shutil.copytree(toys / "toy" / "1", tmp_path / "toy" / "1")
    return tmp_path


@pytest.fixture(scope="session")
def server(request) -> Iterator[Server]:
    if rest := os.environ.get("KRESNET_SERVER"):
        yield Server(rest.rstrip("/"), os.environ.get("KRESNET_SERVER_GRPC", "127.0.0.1:8500"))
        return
    with started(request.getfixturevalue("toys")) as (running, _):
        yield running


@pytest.fixture
def polled(server, request) -> Path:
    """The folder of models that `server` polls."""
    if "KRESNET_SERVER" not in os.environ:
        return request.getfixturevalue("toys")
    if folder := os.environ.get("KRESNET_SERVER_MODELS"):
        return Path(folder)
    pytest.skip("KRESNET_SERVER_MODELS does not say which folder the server polls")


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what the server does of itself."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def states(server: Server, name: str = "toy") -> dict[str, str]:
    """The state of each version of a model."""
    status, answer = server.get(f"/v1/models/{name}")
    return {one["version"]: one["state"] for one in answer["model_version_status"]} if status == 200 else {}


def arrive(base: Path, source: Path, version: int) -> None:
    """Put a copy of a version in place as an export does."""
    staged = base / ".export-x"
    shutil.copytree(source, staged)
    staged.rename(base / str(version))
