"""Workers of one run as processes on this machine, started and ended by a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.command import ForkedCommand

#: By when all workers have ended after the loss of one: what docs/distributed.md states, and as much again, since a
#: test's machine may be busy.
PATIENCE_SECONDS = 80.0

#: Relative difference of losses in the first five steps, and of anything in fifty.
FIRST_TOLERANCE, LATER_TOLERANCE = 1e-6, 1e-3

SPEC = """
name: tiny
input: {shape: [8, 8, 1], pixels: {mean: [0.5], std: [0.25]}}
norm: {kind: batch, synchronized: true}
stem: {kind: conv, width: 4, kernel: 3, stride: 1}
block: {kind: basic, order: post_activation}
stages: [{blocks: 1, width: 8, stride: 2}]
head: {classes: 2}
"""
RECIPE = """
name: short
data: {kind: folder, path: images, validation: 0.2}
augment: {crop_padding: 1, flip: true}
epochs: 10
batch_size: 64
optimizer: {kind: sgd, learning_rate: 0.05}
deterministic: true
checkpoints: {save_every_steps: 3, keep_last: 100}
"""
#: Five an epoch.
STEPS = 50


def write_inputs(home: Path, *, train: int = 400, test: int = 42) -> None:
    """`tiny.yaml`, `short.yaml`, and images of two classes; of the test's only batch, a fourth worker gets nothing.

    A fifth of the images to train on are validated on.
    """
    (home / "tiny.yaml").write_text(SPEC)
    (home / "short.yaml").write_text(RECIPE)
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for label, name in enumerate(("dark", "light")):
            folder = home / "images" / split / name
            folder.mkdir(parents=True)
            for number in range(count // 2):
                pixels = random.integers(0, 160, (8, 8)) + 90 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03}.png")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def tf_config(ports: Sequence[int], index: int) -> str:
    addresses = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


class WorkerProcesses:
    """Several processes of `kresnet ARGUMENTS...`, one for each worker of a cluster on this machine.

    Args:
        home: working directory of the processes.
        count: number of workers.
        arguments: arguments of the command.
        elsewhere: working directory of all workers but the chief, instead of `home`.
        cores: processor cores; each worker is bound to one of them, in turn.
    """

    def __init__(
        self,
        home: Path,
        count: int,
        *arguments: object,
        elsewhere: Path | None = None,
        cores: Sequence[int] | None = None,
    ) -> None:
        ports = free_ports(count)
        self.processes: list[ForkedCommand] = []
        for index in range(count):
            environment = {**os.environ, "TF_CONFIG": tf_config(ports, index), "KRESNET_WAIT_SECONDS": "120"}
            process = ForkedCommand(*arguments, cwd=(elsewhere or home) if index else home, env=environment)
            if cores:  # well before TensorFlow, which is imported but has not looked, counts them
                os.sched_setaffinity(process.pid, [cores[index % len(cores)]])
            self.processes.append(process)

    def signal(self, index: int, number: signal.Signals) -> None:
        self.processes[index].send_signal(number)

    def wait_for_all(self, timeout: float = 300) -> list[tuple[int, str, str]]:
        """Status, stdout and stderr of each, once all have ended."""
        deadline = time.monotonic() + timeout
        output = [process.communicate(timeout=max(deadline - time.monotonic(), 1)) for process in self.processes]
        return [(process.wait(), *text) for process, text in zip(self.processes, output, strict=True)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds or one of the processes has ended."""
        for _ in range(60_000):
            if condition() or any(process.poll() is not None for process in self.processes):
                return
            time.sleep(0.005)
        raise TimeoutError

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


@contextlib.contextmanager
def start_workers(home: Path, count: int, *arguments: object, **options: Any) -> Iterator[WorkerProcesses]:
    """Start workers, and end those that still run when the block ends; arguments as `WorkerProcesses` takes them."""
    workers = WorkerProcesses(home, count, *arguments, **options)
    try:
        yield workers
    finally:
        workers.kill()


def fit(home: Path, count: int, *arguments: object, elsewhere: Path | None = None) -> list[tuple[int, str, str]]:
    """Let `count` workers train to the end."""
    with start_workers(home, count, "fit", *arguments, elsewhere=elsewhere) as workers:
        done = workers.wait_for_all()
    for status, _, output in done:
        assert status == 0, output
    return done


def assert_rounding_apart(one: Path, other: Path, steps: int = STEPS) -> None:
    """The same training but for rounding, which grows from step to step: the first epochs differ by less."""
    pairs = list(zip(history(one), history(other), strict=True))
    assert [line["step"] for line, _ in pairs] == [line["step"] for _, line in pairs] == list(range(5, steps + 1, 5))
    for number, (a, b) in enumerate(pairs):
        tolerance = FIRST_TOLERANCE if number == 0 else LATER_TOLERANCE
        np.testing.assert_allclose(b["train"]["loss"], a["train"]["loss"], rtol=tolerance)
        np.testing.assert_allclose(b["validation"]["loss"], a["validation"]["loss"], rtol=LATER_TOLERANCE)
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_allclose(b, a, rtol=LATER_TOLERANCE, atol=LATER_TOLERANCE)


def newest_step(run: Path) -> int:
    return max((int(path.name[5:]) for path in (run / "checkpoints").glob("step-*")), default=0)


def final_weights(run: Path) -> list[np.ndarray]:
    import keras

    import kresnet.graph.layers  # noqa: F401

    return keras.models.load_model(run / "model.keras", compile=False).get_weights()


def history(run: Path) -> list[dict]:
    """The lines of history without what a clock measured."""
    keep = ("epoch", "step", "train", "validation", "learning_rate")
    lines = (run / "history.jsonl").read_text().splitlines()
    return [{key: json.loads(line)[key] for key in keep} for line in lines]


def assert_same_run(one: Path, other: Path) -> None:
    """The same bits."""
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history(one) == history(other)
