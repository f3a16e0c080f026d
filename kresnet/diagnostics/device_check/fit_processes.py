"""Processes of `kresnet fit` that a part of the check starts, waits for and kills."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.files import write_json
from kresnet.python_processes import child_environment, python_command
from kresnet.runs.checkpoints import CheckpointStore

#: Seconds that a process may take, also on a machine that has much else to do; two such that follow each other are
#: within the limits of the parts.
PATIENCE_SECONDS = 150.0
#: Seconds between two looks at what a process has done.
_POLL_SECONDS = 0.02


class TrainingProcess:
    """A process of `kresnet fit`, ended by `kill` or by itself.

    Args:
        arguments: of `kresnet fit`.
        log: file that its output goes to.
        environment: variables to set.
    """

    def __init__(self, arguments: Sequence[object], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log, self._deadline = log, time.monotonic() + PATIENCE_SECONDS
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                python_command("kresnet", "fit", *map(str, arguments)),
                env=child_environment({"TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})}),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition holds, and return True; or until the process has ended, and return False."""
        while self._process.poll() is None and time.monotonic() < self._deadline:
            if condition():
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def require_success(self) -> None:
        """Wait for its end.

        Raises:
            RuntimeError: with its last words, if its status is not 0, or it takes too long.
        """
        try:
            status = self._process.wait(max(self._deadline - time.monotonic(), 0))
            ending = f"ended with status {status}" if status else ""
        except subprocess.TimeoutExpired:
            self.kill()
            ending = f"had not ended after {PATIENCE_SECONDS:g} s"
        if ending:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise RuntimeError(f"kresnet fit {ending}: " + " / ".join(lines[-6:]))


def write_documents(
    context: DeviceContext, name: str, spec: Mapping[str, object], recipe: Mapping[str, object]
) -> list[Path]:
    """Write a spec and a recipe into a folder of the given name; return their paths."""
    folder = context.scratch / name
    folder.mkdir()
    write_json(folder / "spec.json", dict(spec))
    write_json(folder / "recipe.json", dict(recipe))
    return [folder / "spec.json", folder / "recipe.json"]


def cluster_environment(workers: int) -> list[dict[str, str]]:
    """Return variables that make processes of this machine the workers of one run, each its own."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(workers)]
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    cluster = {"worker": addresses}
    return [
        {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})}
        for index in range(workers)
    ]


def final_state(run: Path) -> tuple[int, Mapping[str, np.ndarray]]:
    """Return the step and all variables of a run's newest checkpoint."""
    checkpoint, _ = CheckpointStore(run / "checkpoints", 1).latest()
    if checkpoint is None:
        raise RuntimeError(f"{run} holds no checkpoint")
    return checkpoint.step, checkpoint.arrays


def checkpoints(run: Path) -> int:
    """Return how many checkpoints a run has so far."""
    folder = run / "checkpoints"
    return len(list(folder.glob("step-*")))
