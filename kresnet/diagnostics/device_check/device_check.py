"""The run of the check: parts in their processes, results as they come, and the report rewritten after each."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kresnet.diagnostics.device_check.device_report import DeviceReport, PartEntry, begin_report
from kresnet.diagnostics.device_check.part import REPORT_REMEDY, CheckPart, DeviceContext, Figures, PartResult
from kresnet.diagnostics.device_check.part_process import PartProcess

#: How long a process may take to import TensorFlow and to find the devices, in seconds.
START_SECONDS = 120.0

#: Starts a process for some parts; tests give one of their own.
ProcessFactory = Callable[[Sequence[CheckPart], DeviceContext], PartProcess]


def run_device_check(
    parts: Sequence[CheckPart],
    *,
    quick: bool,
    directory: Path | None = None,
    on_entry: Callable[[PartEntry], None] = lambda _: None,
    process: ProcessFactory = PartProcess,
) -> DeviceReport:
    """Run parts of the check; what fails, crashes or hangs is a verdict.

    Args:
        parts: the parts, in order.
        quick: whether to take their short forms.
        directory: where the report is written, and rewritten after every result; None for nowhere.
        on_entry: called with each result as it comes.
        process: starts a process for some parts.

    Raises:
        KresnetError: `disk_full` or `not_writable` of the report.
    """
    report = begin_report(quick)
    figures: dict[str, Figures] = {}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kresnet-check-", ignore_cleanup_errors=True) as scratch:
        context = DeviceContext(quick, Path(scratch), figures)
        for _, together in itertools.groupby(parts, key=lambda part: part.process):
            for entry in _run_together(list(together), context, process):
                figures[entry.result.name] = entry.result.figures
                report = replace(report, entries=(*report.entries, entry), seconds=time.monotonic() - began)
                if directory:
                    report.write(directory)
                on_entry(entry)
    report = replace(report, complete=True, seconds=time.monotonic() - began)
    if directory:
        report.write(directory)
    return report


def _run_together(parts: Sequence[CheckPart], context: DeviceContext, start: ProcessFactory) -> Iterator[PartEntry]:
    """Run parts in one process; in another, from the next part on, where one ended it."""
    waiting = list(parts)
    while waiting:
        with start(waiting, context) as process:
            part, since, limit, started = waiting[0], time.monotonic(), START_SECONDS, False
            while True:
                try:
                    message = process.next_message(since + limit)
                    failure = process.ending() if message is None and waiting else ""
                except TimeoutError:
                    message = None
                    doing = "it had not ended" if started else "TensorFlow was not ready"
                    failure = f"{doing} after {limit:g} s{process.last_words()}"
                match message:
                    case {"started": str(_)}:
                        part, since, started = waiting[0], time.monotonic(), True
                        limit = part.limit(context.quick)
                    case {"result": result}:
                        now = time.monotonic()
                        yield PartEntry(part.name, PartResult(**result), now - since)
                    case {"ended": str(_)}:
                        waiting.pop(0)
                        since, limit = time.monotonic(), START_SECONDS
                    case _:
                        break
            if not waiting:
                return
            if started and part is not waiting[0]:  # it ended after a part's error, and before the next
                continue
            seconds = time.monotonic() - since
            for each in [part] if started else list(waiting):
                yield PartEntry(each.name, PartResult(each.name, "failed", {}, failure, REPORT_REMEDY), seconds)
                waiting.remove(each)
