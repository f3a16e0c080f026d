"""The embedded server under load: throughput and latency beside a plain loop, answers checked, memory watched.

python -m benchmarks.serving DIR [--subject resnet50] [--connections 8] [--seconds 60] [--rounds 3] [-o FILE]

DIR holds the exports that `python -m benchmarks.exports DIR --prepare` writes. At each number of connections:

- *REST*: `wrk` (https://github.com/wg/wrk, `apt-get install wrk`) sends an image file a request, for as many seconds in
  `--rounds` turns. Between them take turns a *loop*, one process that runs the same signature on the same file again
  and again through the same C API with the same settings (what a server that cost nothing would give a single client),
  and *ONNX Runtime* in a process that decodes the file by Pillow and runs the same network. A ratio is of neighbouring
  turns.
- *mixed*: gRPC clients compare every answer with the loop's, while malformed and oversized requests are mixed in and a
  new version arrives.

The clients share the machine's cores with the server. `-o` merges the results into a file, which
`python -m benchmarks.serving_report` shows.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from PIL import Image

from benchmarks.export_worker import ExportJob
from benchmarks.exports import ABOUT, FILES, SUBJECTS
from benchmarks.machine import commit, results
from benchmarks.processes import Worker
from kresnet.export.tensor_protos import proto_of_array
from kresnet.serving import protos
from tests.command import KRESNET
from tests.weights.conftest import DATA

SIGNATURE = "image_bytes"
CONNECTIONS = (1, 8, 64)
PERCENTILES = (50, 75, 90, 99)
REQUEST_BYTES = 4 * 1024**2
#: One request in so many is a bad one.
_BAD_ONE_IN = 10
_LOOP_SECONDS = 4.0
_WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
"""


def main() -> None:
    options = _options()
    known = results(options.output)
    for subject in options.subject or ["cifar_resnet20", "resnet50"]:
        for connections in options.connections or CONNECTIONS:
            entry = measure(subject, connections, options)
            same = ("subject", "connections")
            others = [other for other in known["entries"] if any(other[key] != entry[key] for key in same)]
            order = lambda each: (list(SUBJECTS).index(each["subject"]), each["connections"])  # noqa: E731
            known["entries"] = sorted([*others, entry], key=order)
            if options.output:
                options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            print(json.dumps(entry | {"mixed": entry["mixed"] | {"resident_mb": "..."}}, indent=1), flush=True)


def measure(subject: str, connections: int, options: argparse.Namespace) -> dict[str, Any]:
    """A subject at a number of connections; an entry of the results."""
    source = options.directory / subject.replace(" ", "_")
    about = json.loads((source / ABOUT).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        models = Path(folder) / "models"
        shutil.copytree((source / FILES["kresnet"]).resolve(), models / about["name"] / "1")
        image = _image(Path(folder), about["shape"])
        paths = {"kresnet_tuned": models / about["name"] / "1", "onnxruntime": source / FILES["onnxruntime"]}
        jobs = [
            ExportJob(contender, str(path.resolve()), tuple(about["shape"]), options.threads, str(image))
            for contender, path in paths.items()
        ]
        workers = [stack.enter_context(Worker(job, sys.executable, "benchmarks.export_worker")) for job in jobs]
        versions = {name: text for worker in workers for name, text in worker.ready()["versions"].items()}
        server = stack.enter_context(_server(models))
        return {
            "subject": subject,
            "connections": connections,
            "image_bytes": image.stat().st_size,
            "threads": options.threads,
            "versions": versions | {"wrk": _wrk_version()},
            "commit": commit(),
            "measured": time.strftime("%Y-%m-%d"),
            **_throughput(f"{server['rest']}/v1/models/{about['name']}:predict", image, workers, connections, options),
            "mixed": asyncio.run(_Mixed(models / about["name"], image, server).run(connections, options.seconds)),
        }


def _image(folder: Path, shape: list[int]) -> Path:
    """A photo of the network's own size: CIFAR-10's own as a PNG file, or enlarged as a JPEG file."""
    photo = Image.fromarray(np.load(DATA / "weights" / "resnet20-reference.npz")["images"][0].astype(np.uint8))
    height, width, _ = shape
    if photo.size == (width, height):
        path = folder / "image.png"
        photo.save(path)
    else:
        path = folder / "image.jpg"
        photo.resize((width, height), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


@contextlib.contextmanager
def _server(models: Path) -> Iterator[dict[str, Any]]:
    command = [*KRESNET, "serve", str(models), "--backend", "embedded", "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen([*command, "--request-bytes", str(REQUEST_BYTES)], stderr=subprocess.PIPE, text=True)
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


def _throughput(
    url: str, image: Path, workers: list[Worker], connections: int, options: argparse.Namespace
) -> dict[str, Any]:
    """REST, and between its turns the loop and ONNX Runtime."""
    body = image.with_suffix(".json")
    encoded = base64.b64encode(image.read_bytes()).decode()
    body.write_text(json.dumps({"signature_name": SIGNATURE, "instances": [{"b64": encoded}]}))
    single = {worker.name: worker.ask(json.dumps({"batch": 1, "calls": 5}))["milliseconds"] for worker in workers}
    loops: dict[str, list[float]] = {worker.name: [] for worker in workers}

    def loop() -> None:
        for worker in workers:
            calls = max(5, round(1000 * _LOOP_SECONDS / single[worker.name]))
            loops[worker.name].append(worker.ask(json.dumps({"batch": 1, "calls": calls}))["rows_per_second"])

    rest: dict[str, Any] = {"per_second": [], "of_the_loop": [], "latency_ms": []}
    loop()
    for _ in range(options.rounds):
        rate, latency = _wrk(url, body, connections, options.seconds / options.rounds)
        loop()
        rest["per_second"].append(rate)
        rest["of_the_loop"].append(rate / statistics.mean(loops["kresnet_tuned"][-2:]))
        rest["latency_ms"].append(latency)
    return {"loop_per_second": loops["kresnet_tuned"], "onnxruntime_per_second": loops["onnxruntime"], "rest": rest}


def _wrk(url: str, body: Path, connections: int, seconds: float) -> tuple[float, dict[str, float]]:
    """Requests a second, and percentiles of latency in ms."""
    script = body.with_suffix(".lua")
    script.write_text(_WRK.format(body=body))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "30s", "--latency"]
    report = subprocess.run([*command, "-s", str(script), url], capture_output=True, text=True, check=True).stdout
    if re.search(r"Non-2xx|Socket errors", report):
        raise SystemExit(f"requests were lost or refused:\n{report}")
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
    latency = {
        percentile: float(value) * units[unit]
        for percentile, value, unit in re.findall(r"^ +(\d\d)% +([\d.]+)(us|ms|s|m) *$", report, re.MULTILINE)
    }
    found = re.search(r"Requests/sec: +([\d.]+)", report)
    assert found
    return float(found[1]), latency


def _wrk_version() -> str:
    found = re.search(r"wrk (\S+)", subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout)
    return found[1] if found else ""


class _Mixed:
    """Clients that check every answer, bad requests among the good, and a new version half-way."""

    def __init__(self, base: Path, image: Path, server: dict[str, Any]) -> None:
        self._base, self._server, self._image = base, server, image.read_bytes()
        self._counts = {"right": 0, "wrong": 0, "lost": 0, "refused": 0}
        self._versions: set[int] = set()
        self._milliseconds: list[float] = []

    async def run(self, connections: int, seconds: float) -> dict[str, Any]:
        """The load; how it was answered, and the server's resident memory every second, in MB."""
        async with grpc.aio.insecure_channel(self._server["grpc"]) as channel:
            stub = protos.PredictionServiceStub(channel)
            answer = await stub.Predict(self._request(np.array([self._image], object)), timeout=30)
        expected = np.array(answer.outputs["logits"].float_val, np.float32)
        end = time.perf_counter() + seconds
        memory: list[float] = []
        await asyncio.gather(
            self._publish(seconds / 2),
            self._watch(memory, end),
            *(self._client(number, expected, end) for number in range(connections)),
        )
        latency = np.percentile(self._milliseconds, PERCENTILES)
        return {
            **self._counts,
            "seconds": seconds,
            "latency_ms": {str(which): float(value) for which, value in zip(PERCENTILES, latency, strict=True)},
            "versions": sorted(self._versions),
            "resident_mb": memory,
        }

    def _request(self, content: np.ndarray) -> protos.PredictRequest:
        spec = protos.ModelSpec(name=self._base.name, signature_name=SIGNATURE)
        return protos.PredictRequest(model_spec=spec, inputs={SIGNATURE: proto_of_array(content)})

    async def _client(self, number: int, expected: np.ndarray, end: float) -> None:
        good = self._request(np.array([self._image], object))
        bad = [
            self._request(np.array([b"no image"], object)),
            self._request(np.array([self._image[:100]], object)),
            self._request(np.array([[self._image]], object)),
            self._request(np.array([bytes(REQUEST_BYTES + 1)], object)),
        ]
        channel_options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self._server["grpc"], options=channel_options) as channel:
            stub = protos.PredictionServiceStub(channel)
            turn = number
            while time.perf_counter() < end:
                turn += 1
                spoiled = turn % _BAD_ONE_IN == 0
                began = time.perf_counter()
                try:
                    answer = await stub.Predict(bad[turn // _BAD_ONE_IN % len(bad)] if spoiled else good, timeout=30)
                except grpc.aio.AioRpcError as error:
                    fair = error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
                    self._counts["refused" if spoiled and fair else "lost"] += 1
                    continue
                self._milliseconds.append(1000 * (time.perf_counter() - began))
                self._versions.add(answer.model_spec.version.value)
                logits = np.array(answer.outputs["logits"].float_val, np.float32)
                right = not spoiled and np.allclose(logits, expected, rtol=1e-5, atol=1e-4)
                self._counts["right" if right else "wrong"] += 1

    async def _publish(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        staged = self._base / ".staged"
        await asyncio.to_thread(shutil.copytree, self._base / "1", staged)
        staged.rename(self._base / "2")

    async def _watch(self, memory: list[float], end: float) -> None:
        while time.perf_counter() < end:
            pages = int(Path(f"/proc/{self._server['pid']}/statm").read_text(encoding="ascii").split()[1])
            memory.append(round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))
            await asyncio.sleep(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--subject", action="append", choices=SUBJECTS)
    parser.add_argument("--connections", action="append", type=int)
    parser.add_argument("--seconds", type=float, default=60.0, help="of wrk at each number of connections, and of gRPC")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the loop and of ONNX Runtime")
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
