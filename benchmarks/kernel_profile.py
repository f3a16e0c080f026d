"""What a GPU did in a trace: its kernels by time, and how long it had nothing to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

#: Kinds of kernels by what their names contain, the first that suits.
_KINDS = (
    ("copies between host and device", "memcpyh2d|memcpyd2h|h2d|d2h"),
    ("copies and zeros within the device", "memcpy|memset"),
    ("convolutions and products", "conv|fprop|dgrad|wgrad|xmma|cudnn|cutlass|gemm|nvjet|implicit|winograd"),
    ("changes of layout", "nchw|nhwc|transpose|swapdimension"),
    ("reductions", "reduce|l2loss|batchnorm|bn_"),
    ("everything else, element by element", ""),
)
_NAME = 70


@dataclass(frozen=True)
class KernelProfile:
    """Times on the device, milliseconds a step.

    Attributes:
        span: from the beginning of the first kernel to the end of the last.
        busy: how much of it some kernel ran.
        copying: how much of the rest was copies between host and device.
        times: milliseconds of each kernel, by its name without numbers.
        counts: how often it ran.
    """

    span: float
    busy: float
    copying: float
    times: Counter[str]
    counts: Counter[str]

    def kinds(self) -> Counter[str]:
        """Milliseconds by kind of kernel."""
        found: Counter[str] = Counter()
        for name, took in self.times.items():
            found[_kind(name)] += took
        return found

    def lines(self, rows: int) -> Iterator[str]:
        """The profile as Markdown, with the first `rows` kernels."""
        idle = self.span - self.busy - self.copying
        text = f"On the device {self.span:.2f} ms a step: kernels {self.busy:.2f}, only copying {self.copying:.2f}, "
        text += f"nothing to do {idle:.2f} ({idle / self.span:.1%}); "
        yield text + f"{sum(self.counts.values()):.1f} kernels and copies.\n"
        total = sum(self.times.values())
        yield "| kind | ms | share |\n|---|---|---|"
        yield from (f"| {kind} | {took:.2f} | {took / total:.1%} |" for kind, took in self.kinds().most_common())
        yield "\n| kernel | a step | ms | share |\n|---|---|---|---|"
        for name, took in self.times.most_common(rows):
            yield f"| `{name}` | {self.counts[name]:.0f} | {took:.2f} | {took / total:.1%} |"
        yield ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values, with the forty kernels that took longest."""
        kernels = [{"name": name, "ms": took, "count": self.counts[name]} for name, took in self.times.most_common(40)]
        values = {"span_ms": self.span, "busy_ms": self.busy, "copying_ms": self.copying}
        return values | {"kinds_ms": dict(self.kinds().most_common()), "kernels": kernels}


def kernel_profile(space: Any, steps: int) -> KernelProfile | None:
    """The profile of the first GPU in a trace of so many steps; None where the trace has none."""
    plane = next((each for each in space.planes if each.name.startswith("/device:GPU")), None)
    streams = [line for line in plane.lines if line.name.startswith("Stream")] if plane else []
    if not any(line.events for line in streams):
        return None
    assert plane
    times: Any = Counter()  # whose type says whole numbers
    counts: Any = Counter()
    kernels, all_of_it = [], []
    for line in streams:
        for event in line.events:
            name = _short(plane.event_metadata[event.metadata_id].name)
            took = event.duration_ps / 1e9
            begin = line.timestamp_ns / 1e6 + event.offset_ps / 1e9
            times[name] += took / steps
            counts[name] += 1 / steps
            all_of_it.append((begin, begin + took))
            if _kind(name) != _KINDS[0][0]:
                kernels.append((begin, begin + took))
    span = (max(end for _, end in all_of_it) - min(begin for begin, _ in all_of_it)) / steps
    busy = _covered(kernels) / steps
    return KernelProfile(span, busy, _covered(all_of_it) / steps - busy, times, counts)


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    covered, reached = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered


def _short(name: str) -> str:
    """A kernel's name without arguments, return type and the numbers that XLA gives."""
    name = re.sub(r"^void ", "", name).partition("(")[0]
    return re.sub(r"[_.]\d+\b", "", name)[:_NAME] or "unnamed"


def _kind(name: str) -> str:
    return next(kind for kind, pattern in _KINDS if re.search(pattern, name, re.IGNORECASE))
