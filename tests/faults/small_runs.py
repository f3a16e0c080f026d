"""Small runs for faults to be done to, and the processes that train them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kresnet.runs.checkpoints import CheckpointStore, DamagedCheckpoint, read_checkpoint
from kresnet.spec.document import dump
from tests.faults.variations import PLAIN, SPEC, Variation, prepare_arguments

KEPT = ("epoch", "step", "train", "validation", "learning_rate")
_POLL_SECONDS = 0.002


@dataclass
class ForkedProcess:
    """A process forked from this one, which has imported TensorFlow already but not used it: that takes seconds."""

    arguments: list[str]
    log: Path
    prepare: Callable[[], None] = lambda: None
    pid: int = field(init=False)
    status: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            self.prepare()
            from kresnet.cli.main import main

            main(self.arguments)
        except SystemExit as ending:
            status = int(ending.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self, until: Callable[[], bool] = lambda: False, seconds: float = 3000) -> bool:
        """Wait for a condition, or the end of the process; whether the condition came about."""
        deadline = time.monotonic() + seconds
        while not self.ended():
            if until():
                return True
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
                raise TimeoutError(self.log.read_text())
            time.sleep(_POLL_SECONDS)
        return False

    def send(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit status, negative for a signal."""
        if not self.ended():
            os.kill(self.pid, number)
            self.wait()
        assert self.status is not None
        return self.status

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class RunFolder:
    """A folder with the documents, the uninterrupted run and those that faults are done to."""

    def __init__(self, folder: Path, epochs: int, variation: Variation = PLAIN) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.spec, self.recipe = folder / "small.yaml", folder / "recipe.yaml"
        self.spec.write_text(dump(SPEC))
        self.recipe.write_text(dump(variation.recipe(folder, epochs)))
        variation.register()
        for number, arguments in enumerate(variation.before(folder)):
            self.run(*arguments, log=f"before{number}")
        self.steps = 20 * epochs
        self.whole = folder / "whole"
        began = time.monotonic()
        process = self.start(self.whole)
        process.wait()
        require(process.status == 0, process.output())
        self.seconds = time.monotonic() - began

    def run(self, *arguments: str, log: str) -> None:
        """Run a command to its end, which must be a good one."""
        process = ForkedProcess(list(arguments), self.folder / f"{log}.log")
        process.wait()
        require(process.status == 0, process.output())

    def prepare(self, shards: Path) -> ForkedProcess:
        """Prepare the embedded images in small shards."""
        return ForkedProcess(prepare_arguments(shards), self.folder / f"{shards.name}.log")

    def start(self, run: Path, *options: str, prepare: Callable[[], None] = lambda: None) -> ForkedProcess:
        arguments = ["fit", str(self.spec), "--recipe", str(self.recipe), "-o", str(run), *options]
        return ForkedProcess(arguments, self.folder / f"{run.name}.log", prepare)

    def start_or_resume(self, run: Path, *, prepare: Callable[[], None] = lambda: None) -> ForkedProcess:
        """Resume the run; start it, if it was stopped before there was one."""
        if not (run / "recipe.yaml").is_file():
            return self.start(run, prepare=prepare)
        return ForkedProcess(["fit", "--resume", str(run)], self.folder / f"{run.name}.log", prepare)

    def finish(self, run: Path) -> None:
        """Let the run come to its end, and compare it with the whole one, bit for bit."""
        process = self.start_or_resume(run)
        process.wait()
        require(process.status == 0, process.output())
        self.require_same(run)

    def require_same(self, run: Path) -> None:
        for name in ("model.keras", "best.keras"):
            for one, other in zip(self.weights(run, name), self.weights(self.whole, name), strict=True):
                require(np.array_equal(one, other), f"{run / name} differs from the uninterrupted run's")
        require(history(run) == history(self.whole), f"the history of {run} differs")

    @staticmethod
    def weights(run: Path, name: str = "model.keras") -> list[np.ndarray]:
        """The arrays in a `.keras` file, read without TensorFlow, which must stay unused in this process."""
        import io
        import zipfile

        import h5py

        found: dict[str, np.ndarray] = {}
        with zipfile.ZipFile(run / name) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(
                lambda key, value: found.update({key: value[()]}) if isinstance(value, h5py.Dataset) else None
            )
        return [found[key] for key in sorted(found)]


def history(run: Path) -> list[dict[str, object]]:
    lines = (run / "history.jsonl").read_text().splitlines()
    return [{key: json.loads(line)[key] for key in KEPT} for line in lines]


def newest_step(run: Path) -> int:
    return max(CheckpointStore(run / "checkpoints", 1).steps(), default=0)


def saving(run: Path) -> bool:
    """Whether a checkpoint is being written right now."""
    return any(Path(run / "checkpoints").glob(".step-*.tmp"))


def require_readable(run: Path) -> int:
    """Every checkpoint can be read; how many there are."""
    paths = sorted((run / "checkpoints").glob("step-*"))
    for path in paths:
        found = read_checkpoint(path)
        require(not isinstance(found, DamagedCheckpoint), str(found))
    return len(paths)


def require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
