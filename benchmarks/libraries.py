"""What benchmarks that set libraries side by side share: a process for each, turns in rounds, a file of results."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.compare import TORCH_PYTHON
from benchmarks.machine import commit, results
from benchmarks.processes import Worker

Turn = TypeVar("Turn")


@dataclass(frozen=True, slots=True)
class LibraryJob:
    """What a worker is told: the library that it is to be, and what it needs besides."""

    library: str
    settings: dict[str, Any]

    @property
    def contender(self) -> str:
        return self.library

    def as_dict(self) -> dict[str, Any]:
        return {"library": self.library, **self.settings}


def option_parser(description: str | None, turn_seconds: float) -> argparse.ArgumentParser:
    """The options that all of these benchmarks take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn-seconds", type=float, default=turn_seconds, help="about how long a turn takes")
    parser.add_argument("--torch-python", type=Path, default=TORCH_PYTHON)
    parser.add_argument("-o", "--output", type=Path)
    return parser


class Libraries:
    """The workers of the libraries that are there, by name, and what versions they told."""

    def __init__(self, workers: dict[str, Worker], versions: dict[str, str]) -> None:
        self.workers, self.versions = workers, versions

    def ask(self, library: str, **question: Any) -> dict[str, Any]:
        """A library's answer."""
        return self.workers[library].ask(json.dumps(question))


@contextmanager
def library_workers(module: str, torch_python: Path, **settings: Any) -> Iterator[Libraries]:
    """Start a worker's module for TensorFlow, and for PyTorch where there is one; they end with the context."""
    pythons = {"tensorflow": Path(sys.executable)}
    if torch_python.exists():
        pythons["torch"] = torch_python
    else:
        print(f"no PyTorch at {torch_python} (`make bench-torch-venv`): left out", file=sys.stderr)
    with ExitStack() as stack:
        found = Libraries({}, {})
        for library, python in pythons.items():
            worker = stack.enter_context(Worker(LibraryJob(library, settings), python, module))
            found.workers[library] = worker
            found.versions |= worker.ready()["versions"]
        yield found


def in_rounds(turns: Sequence[Turn], rounds: int) -> Iterator[tuple[int, Turn]]:
    """All turns in each round, which has a number from 1, and begins with another one than the round before."""
    for number in range(rounds):
        first = number * len(turns) // rounds
        for turn in [*turns[first:], *turns[:first]]:
            yield number + 1, turn


def write_results(output: Path | None, entries: list[dict[str, Any]], versions: dict[str, str], **more: Any) -> None:
    """Write what was measured, on what and when, to a file, or print it."""
    found = results(output) | {"entries": entries, "commit": commit(), "measured": time.strftime("%Y-%m-%d")}
    text = json.dumps(found | {"versions": versions} | more, indent=1, ensure_ascii=False)
    if output:
        output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
