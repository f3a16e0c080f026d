"""Parts that end in every way that a part can end, run by the real process: `python -m` this module."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from kresnet.diagnostics.device_check.part import CheckPart, DeviceContext, PartFunction, PartResult
from kresnet.diagnostics.device_check.part_process import answer_request
from kresnet.errors import make_error

MODULE = "tests.diagnostics.device_check.fake_parts"


class FakePart(CheckPart):
    """A part whose function stands in this module."""

    def load(self) -> PartFunction:
        return globals()[self.function]


def passing(context: DeviceContext) -> PartResult:
    return PartResult("passing", "passed", {"length / m": 2.5})


def reading(context: DeviceContext) -> PartResult:
    """Hand back what an earlier part measured."""
    return PartResult("reading", "passed", {"seen": context.figures["passing"]["length / m"]})


def skipping(context: DeviceContext) -> PartResult:
    return PartResult("skipping", "skipped", detail="there is nothing here")


def raising(context: DeviceContext) -> Iterator[PartResult]:
    yield PartResult("first", "passed")
    raise ValueError("what went wrong")


def refusing(context: DeviceContext) -> PartResult:
    raise make_error("environment", "Something is missing.", remedy="pip install something")


def exhausting(context: DeviceContext) -> PartResult:
    raise MemoryError


def crashing(context: DeviceContext) -> PartResult:
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def leaving(context: DeviceContext) -> PartResult:
    os._exit(3)


def hanging(context: DeviceContext) -> PartResult:
    """Hang, and leave a process of its own behind, whose number it writes down."""
    child = subprocess.Popen(["sleep", "600"])
    (context.scratch.parent / "child").write_text(str(child.pid))
    time.sleep(600)
    raise AssertionError


def part(name: str, process: str = "together", seconds: float = 60.0) -> FakePart:
    return FakePart(name, name, process, quick_seconds=seconds)


if __name__ == "__main__":
    answer_request(lambda names: [part(name) for name in names])
