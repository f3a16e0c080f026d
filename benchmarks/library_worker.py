"""A library in a process of its own, which answers questions about it, a line of JSON each."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: Answers a question, both JSON objects.
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def serve(name: str, prepare: Callable[[ModuleType, dict[str, Any]], Answer]) -> None:
    """Answer the questions that come in.

    The first line in is a JSON object with `library` (`tensorflow` or `torch`) and what `prepare` needs; its answer
    tells `versions`.

    Args:
        name: of the modules in `benchmarks/peers/`, one a library: `NAME_on_LIBRARY`, with a function `versions`.
        prepare: takes that module and the first line, and returns what answers all others.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = json.loads(sys.stdin.readline())
    if job["library"] == "tensorflow":
        from kresnet.runtime import import_tensorflow

        import_tensorflow()
    module = importlib.import_module(f"benchmarks.peers.{name}_on_{job['library']}")
    answer = prepare(module, job)
    print(json.dumps({"versions": module.versions()}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
