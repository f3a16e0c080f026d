"""A part of the check of a device: what it is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["passed", "failed", "skipped"]
Figures = Mapping[str, float | str]

#: What to do where nothing better is known, and where memory has run out.
REPORT_REMEDY = "send this report with an issue"
MEMORY_REMEDY = "end what else uses the device's memory, then run the check again"


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result of a part of the check, or of one of the things that a part looks at.

    Attributes:
        name: what was checked, unique in the report.
        verdict: `passed`, `failed`, or `skipped` where this machine has not what it takes.
        figures: what was measured, by name; a number's name ends with its unit.
        detail: what was found, in a sentence.
        remedy: what to do or to type after a failure; empty otherwise.
    """

    name: str
    verdict: Verdict
    figures: Figures = field(default_factory=dict)
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DeviceContext:
    """What a part is given.

    Attributes:
        quick: whether to take the short form, which a user waits for.
        scratch: folder for files; it is removed with the check's end.
        figures: figures of the results so far, by name of the result.
        log: file of what this process and TensorFlow say on stderr; None where they say it on a terminal.
    """

    quick: bool
    scratch: Path
    figures: Mapping[str, Figures] = field(default_factory=dict)
    log: Path | None = None


#: A part may return one result, or yield several as they come.
PartFunction = Callable[[DeviceContext], PartResult | Iterable[PartResult]]


@dataclass(frozen=True, slots=True)
class CheckPart:
    """A part of the check, and the process that it runs in.

    Attributes:
        name: name of the part, as `--part` takes it.
        function: `module:function` in this package, imported only in the part's process: a `PartFunction`.
        process: neighbours of the same process name run one after the other in one process, which saves starting
            TensorFlow again. A part that changes what holds for a whole process has one of its own.
        quick_seconds: how long it may take with `--quick`; then it counts as hanging.
        full_seconds: how long it may take otherwise.
        one_gpu: whether its process sees one GPU only; the same for all parts of a process.
    """

    name: str
    function: str
    process: str
    quick_seconds: float = 60.0
    full_seconds: float = 600.0
    one_gpu: bool = False

    def load(self) -> PartFunction:
        """Import the part's function."""
        module, _, name = self.function.partition(":")
        function: Any = getattr(import_module(f"{__package__}.{module}"), name)
        return function

    def limit(self, quick: bool) -> float:
        """Return how long the part may take, in seconds."""
        return self.quick_seconds if quick else self.full_seconds
