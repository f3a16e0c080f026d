"""A process that runs parts of the check: its end, whatever it is, is a verdict and not the end of the check.

    python -m kresnet.diagnostics.device_check.part_process REQUEST DESCRIPTOR

It writes lines of JSON to the descriptor: `{"started": PART}`, `{"result": {...}}` for each result, `{"ended": PART}`.
What the parts and TensorFlow say goes to a file of the parent's.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from kresnet.diagnostics.device_check.part import (
    MEMORY_REMEDY,
    REPORT_REMEDY,
    CheckPart,
    DeviceContext,
    Figures,
    PartResult,
)
from kresnet.diagnostics.device_check.registry import select_parts
from kresnet.errors import KresnetError
from kresnet.python_processes import child_environment, python_command

#: Finds parts by their names.
SelectParts = Callable[[Sequence[str]], Sequence[CheckPart]]

#: What the process runs.
MODULE = "kresnet.diagnostics.device_check.part_process"

#: Lines of what a process said last, for who reads why it ended.
_TAIL = 12
#: Lines of TensorFlow's log that say nothing of a failure.
_CHATTER = re.compile(r"I\d{4} |\d{4}-\d\d-\d\d [\d:.]+: I |WARNING: All log messages before|To enable the following")
#: Lines of a traceback that are shown.
_TRACEBACK = 8


class PartProcess:
    """A process that runs parts of the check one after the other; ended, with all that it started, by `__exit__`.

    Args:
        parts: the parts to run.
        context: what they are given.
        module: what the process runs; a test's own may stand here.
    """

    def __init__(self, parts: Sequence[CheckPart], context: DeviceContext, module: str = MODULE) -> None:
        self._said = context.scratch / f"{parts[0].name}.log"
        figures = {name: dict(each) for name, each in context.figures.items()}
        request = {"quick": context.quick, "scratch": str(context.scratch), "figures": figures}
        request |= {"parts": [part.name for part in parts], "log": str(self._said)}
        reading, writing = os.pipe()
        try:
            with self._said.open("wb") as said:
                self._process = subprocess.Popen(
                    python_command(module, json.dumps(request), str(writing)),
                    env=child_environment(_environment(parts)),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    pass_fds=[writing],
                    start_new_session=True,
                )
        finally:
            os.close(writing)
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._receive, args=(reading,), daemon=True).start()

    def __enter__(self) -> PartProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _receive(self, reading: int) -> None:
        """Hand on what the process writes, line by line, and None at its end."""
        with os.fdopen(reading, encoding="utf-8") as lines:
            for line in lines:
                self._messages.put(json.loads(line) if line.endswith("\n") else None)
        self._messages.put(None)

    def next_message(self, deadline: float) -> dict[str, Any] | None:
        """Return the next message of the process; None when it has ended.

        Raises:
            TimeoutError: if none comes by the deadline, on the clock of `time.monotonic`.
        """
        try:
            return self._messages.get(timeout=max(deadline - time.monotonic(), 0.001))
        except queue.Empty:
            raise TimeoutError from None

    def stop(self) -> None:
        """End the process, and those that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ending(self) -> str:
        """Return how the process ended, and what it said last, in words."""
        try:
            status = self._process.wait(10)
        except subprocess.TimeoutExpired:
            return f"the process closed its pipe and hangs{self.last_words()}"
        how = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
        return f"the process ended with {how}{self.last_words()}"

    def last_words(self) -> str:
        """Return what the process said last, introduced by a colon; empty if it said nothing."""
        lines = self._said.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if line.strip()]
        weighty = [line for line in told if not _CHATTER.match(line)]
        return ": " + "\n".join(weighty[-_TAIL:]) if weighty else ""


def _environment(parts: Sequence[CheckPart]) -> dict[str, str]:
    """Return what the process of some parts has in its environment besides this one's."""
    variables = {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONFAULTHANDLER": "1"}
    if parts[0].one_gpu:
        variables["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return variables


def failed_by(part: CheckPart, error: BaseException) -> PartResult:
    """Return the verdict on a part that raised an error."""
    if isinstance(error, KresnetError):
        remedy = next((problem.remedy for problem in error.problems if problem.remedy), REPORT_REMEDY)
        return PartResult(part.name, "failed", {}, str(error), remedy)
    trace = "".join(traceback.format_exception(error)).strip().splitlines()[-_TRACEBACK:]
    text = (str(error).strip().splitlines() or [""])[0]
    exhausted = type(error).__name__ in ("ResourceExhaustedError", "MemoryError")
    remedy = MEMORY_REMEDY if exhausted else REPORT_REMEDY
    return PartResult(part.name, "failed", {}, "\n".join([f"{type(error).__name__}: {text}", *trace]), remedy)


def run_parts(parts: Iterable[CheckPart], context: DeviceContext, write: Callable[[Mapping[str, Any]], object]) -> bool:
    """Run parts, writing each result as it comes; return False after an error, which may have spoilt the process."""
    figures: dict[str, Figures] = dict(context.figures)
    for part in parts:
        write({"started": part.name})
        well = True
        try:
            outcome = part.load()(replace(context, figures=figures))
            for result in [outcome] if isinstance(outcome, PartResult) else outcome:
                figures[result.name] = result.figures
                write({"result": asdict(result)})
        except Exception as error:
            write({"result": asdict(failed_by(part, error))})
            well = False
        write({"ended": part.name})
        if not well:
            return False
    return True


def answer_request(select: SelectParts = select_parts, prepare: Callable[[], None] = lambda: None) -> None:
    """Run the parts that the command line asks for, and end the process.

    Args:
        select: finds parts by their names.
        prepare: called before the first part.
    """
    request: Mapping[str, Any] = json.loads(sys.argv[1])
    context = DeviceContext(request["quick"], Path(request["scratch"]), request["figures"], Path(request["log"]))
    with os.fdopen(int(sys.argv[2]), "w", encoding="utf-8", buffering=1) as pipe:
        prepare()
        run_parts(select(request["parts"]), context, lambda message: pipe.write(json.dumps(message) + "\n"))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # without TensorFlow's teardown, which is none of the check


def _start_tensorflow() -> None:
    """Import TensorFlow with its log on stderr, where it says which libraries are missing, and then as kresnet does."""
    import tensorflow as tf

    tf.config.list_physical_devices()
    from kresnet.runtime import import_tensorflow

    import_tensorflow()


if __name__ == "__main__":
    answer_request(prepare=_start_tensorflow)
