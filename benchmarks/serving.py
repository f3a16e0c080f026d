"""The embedded server under load: throughput and latency beside a plain loop, answers checked, memory watched.

python -m benchmarks.serving MODELS_DIR --model NAME IMAGE [--seconds 60] [--rounds 3] [-o FILE]

- *loop*: one process that runs the signature on one image again and again through the same C API: what a server that
  cost nothing would give a single client.
- *rest*: `wrk` (https://github.com/wg/wrk, `apt-get install wrk`) at 1, 8 and 64 connections; an image's bytes a body.
- *mixed*: a gRPC client at 8 connections that compares every answer with the loop's, while malformed and oversized
  requests are mixed in and a new version arrives.

Loop and server take turns; a ratio is of two turns of one round. The clients share the machine's cores with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from benchmarks.machine import commit, machine
from benchmarks.spread import spread
from kresnet.export.capi import Session, disable_xla
from kresnet.serving import protos
from kresnet.serving.tensors import to_proto

SIGNATURE = "image_bytes"
CONNECTIONS = (1, 8, 64)
_WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
"""


def main() -> None:
    options = _options()
    entry: dict[str, Any] = {"model": options.model, "image_bytes": options.image.stat().st_size, "commit": commit()}
    with _copied(options.models, options.model) as models, _server(models) as server:
        entry |= _throughput(models / options.model, server, options)
        entry["mixed"] = asyncio.run(_mixed(models / options.model, server, options))
    if options.output:
        known = (
            json.loads(options.output.read_text()) if options.output.exists() else {"machine": machine(), "load": []}
        )
        known["load"] = [one for one in known["load"] if one["model"] != entry["model"]] + [entry]
        options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines(entry)))


def lines(entry: dict[str, Any]) -> list[str]:
    """An entry as a table."""
    shown = [f"{entry['model']}: a plain loop gives {spread(entry['loop_per_second'])} images/s"]
    shown.append(f"{'connections':>12} {'requests/s':>24} {'of the loop':>22} {'p50 ms':>8} {'p99 ms':>8}")
    for connections, found in entry["rest"].items():
        rate, ratio = spread(found["per_second"]), spread(found["ratio"])
        latency = found["latency_ms"]
        shown.append(f"{connections:>12} {rate!s:>24} {ratio!s:>22} {latency['50']:8.1f} {latency['99']:8.1f}")
    mixed = entry["mixed"]
    shown.append(
        f"mixed, {mixed['seconds']:.0f} s: {mixed['right']:,} right answers, {mixed['wrong']} wrong, "
        f"{mixed['lost']} lost, {mixed['refused']:,} bad requests refused, versions seen {mixed['versions']}; "
        f"server {mixed['resident_mb'][0]:.0f} MB before, {mixed['resident_mb'][1]:.0f} MB after"
    )
    return shown


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, metavar="MODELS_DIR")
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each turn, and of the mixed load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


@contextlib.contextmanager
def _copied(models: Path, name: str) -> Iterator[Path]:
    """A directory with one version of the model, to which another can be added."""
    with tempfile.TemporaryDirectory() as directory:
        newest = max((models / name).glob("[0-9]*"), key=lambda path: int(path.name))
        shutil.copytree(newest, Path(directory) / name / "1")
        yield Path(directory)


@contextlib.contextmanager
def _server(models: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "kresnet.cli.main", "serve", str(models), "--backend", "embedded"]
    command += ["--rest-port", "0", "--grpc-port", "0", "--request-bytes", str(4 * 1024**2)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        for line in process.stderr:
            if found := re.match(r"REST at (http://\S+)/v1/models, gRPC at (\S+)", line):
                break
        else:
            raise SystemExit("the server did not start")
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield {"rest": found[1], "grpc": found[2], "pid": process.pid}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        drain.wait(60)


def _throughput(base: Path, server: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Loop and REST in turns."""
    loop: list[float] = []
    rest: dict[int, dict[str, Any]] = {
        connections: {"per_second": [], "ratio": [], "latency_ms": {}} for connections in CONNECTIONS
    }
    body = base.parent / "body.json"
    encoded = base64.b64encode(options.image.read_bytes()).decode()
    body.write_text(json.dumps({"signature_name": SIGNATURE, "instances": [{"b64": encoded}]}))
    for _ in range(options.rounds):
        loop.append(_loop(base / "1", options.image, options.seconds))
        for connections, found in rest.items():
            rate, latency = _wrk(f"{server['rest']}/v1/models/{base.name}:predict", body, connections, options.seconds)
            found["per_second"].append(rate)
            found["ratio"].append(rate / loop[-1])
            found["latency_ms"] = latency
    return {"loop_per_second": loop, "rest": {str(key): value for key, value in rest.items()}}


def _loop(version: Path, image: Path, seconds: float) -> float:
    """Images a second of a process that does nothing else."""
    script = f"from benchmarks.serving import loop; loop({str(version)!r}, {str(image)!r}, {seconds})"
    return float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)


def loop(version: str, image: str, seconds: float) -> None:
    """Print how many runs a second the C API does; the process of `_loop`."""
    disable_xla()
    session, inputs = Session(Path(version)), {"image_bytes": np.array([Path(image).read_bytes()], object)}
    for _ in range(5):
        session.run(SIGNATURE, inputs)
    runs, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        session.run(SIGNATURE, inputs)
        runs += 1
    print(runs / (time.perf_counter() - began))


def _wrk(url: str, body: Path, connections: int, seconds: float) -> tuple[float, dict[str, float]]:
    """Requests a second, and percentiles of latency in ms."""
    script = body.with_suffix(".lua")
    script.write_text(_WRK.format(body=body))
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{round(seconds)}s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(script),
        url,
    ]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if re.search(r"Non-2xx|Socket errors", report):
        raise SystemExit(f"requests were lost or refused:\n{report}")
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
    latency = {
        percentile: float(value) * units[unit]
        for percentile, value, unit in re.findall(r"^ +(50|75|90|99)% +([\d.]+)(us|ms|s|m)$", report, re.MULTILINE)
    }
    found = re.search(r"Requests/sec: +([\d.]+)", report)
    assert found
    return float(found[1]), latency


async def _mixed(base: Path, server: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Eight clients that check every answer, bad requests among the good, and a new version half-way."""
    image = options.image.read_bytes()
    disable_xla()
    expected = Session(base / "1").run(SIGNATURE, {"image_bytes": np.array([image], object)})["logits"]
    counts = {"right": 0, "wrong": 0, "lost": 0, "refused": 0}
    versions: set[int] = set()
    before = _resident_mb(server["pid"])
    end = time.perf_counter() + options.seconds

    def request(content: np.ndarray) -> Any:
        made = protos.PredictRequest(inputs={"image_bytes": to_proto(content)})
        made.model_spec.name, made.model_spec.signature_name = base.name, SIGNATURE
        return made

    good = request(np.array([image], object))
    bad = [
        request(np.array([b"no image"], object)),
        request(np.array([image[:100]], object)),
        request(np.array([[image]], object)),
        request(np.array([b"x" * (5 * 1024**2)], object)),
    ]

    async def client(number: int) -> None:
        async with grpc.aio.insecure_channel(server["grpc"], options=[("grpc.max_send_message_length", -1)]) as channel:
            stub = protos.PredictionServiceStub(channel)
            turn = number
            while time.perf_counter() < end:
                turn += 1
                spoiled = turn % 10 == 0
                try:
                    answer = await stub.Predict(bad[turn // 10 % len(bad)] if spoiled else good, timeout=30)
                except grpc.aio.AioRpcError as error:
                    fair = error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
                    counts["refused" if spoiled and fair else "lost"] += 1
                    continue
                versions.add(answer.model_spec.version.value)
                logits = np.array(answer.outputs["logits"].float_val, np.float32)
                counts["right" if not spoiled and np.allclose(logits, expected[0], atol=1e-4) else "wrong"] += 1

    async def publish() -> None:
        await asyncio.sleep(options.seconds / 2)
        staged = base / ".staged"
        shutil.copytree(base / "1", staged)
        staged.rename(base / "2")

    await asyncio.gather(publish(), *(client(number) for number in range(8)))
    return {
        **counts,
        "seconds": options.seconds,
        "versions": sorted(versions),
        "resident_mb": [before, _resident_mb(server["pid"])],
    }


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
