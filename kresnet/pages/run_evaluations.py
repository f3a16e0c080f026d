"""Test images of runs that have ended, looked at in processes of their own while a page of runs goes on."""

from __future__ import annotations

import os
import pickle
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kresnet.errors import KresnetError, Problem
from kresnet.evaluation.evaluation import Evaluation, NotEvaluated
from kresnet.python_processes import child_environment, python_command
from kresnet.runs.lock import names_writer
from kresnet.runs.run_directory import RunDirectory

_UNDER_WAY = NotEvaluated("Nothing looks at the test images while the run is under way.", "")
_COMING = NotEvaluated("The test images are being looked at; what they show will stand here.", "")

#: What a process writes: the evaluation, or the problem that prevents it.
Outcome = Evaluation | Problem


class RunEvaluations:
    """Evaluates runs, one after the other, each once for every network that it has; an `EvaluateRun`.

    The processes compute on the processor, with the least priority, since a run under way may need the rest.

    Args:
        done: called, in a thread, with the directory of a run that has been evaluated.
    """

    def __init__(self, done: Callable[[Path], None]) -> None:
        self._done = done
        self._found: dict[Path, tuple[float, Outcome | None]] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="evaluate")
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self, run: RunDirectory) -> Evaluation | NotEvaluated:
        """Return what a run's test images show, or that it is not known yet.

        Raises:
            KresnetError: what prevents the evaluation.
        """
        if names_writer(run.path):
            return _UNDER_WAY
        model = run.model if run.model.is_file() else run.best_model
        written = model.stat().st_mtime
        known = self._found.get(run.path)
        if self._closed:
            return _COMING
        if known is None or known[0] != written:
            self._found[run.path] = (written, None)
            self._worker.submit(self._evaluate, run.path, written)
            return _COMING
        if isinstance(known[1], Problem):
            raise KresnetError(known[1])
        return known[1] or _COMING

    def close(self) -> None:
        """End what is under way."""
        self._closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._process:
            self._process.kill()

    def _evaluate(self, directory: Path, written: float) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "evaluation"
            self._process = subprocess.Popen(
                python_command("kresnet.pages.evaluation_process", os.fspath(directory.absolute()), str(file)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=child_environment({"CUDA_VISIBLE_DEVICES": ""}),
            )
            status = self._process.wait()
            try:
                found: Outcome = pickle.loads(file.read_bytes())
            except (OSError, EOFError, pickle.UnpicklingError):
                found = Problem("internal", f"The process that looked at the test images ended with status {status}.")
        if not self._closed:
            self._found[directory] = (written, found)
            self._done(directory)


__all__ = ["Outcome", "RunEvaluations"]
