"""The report of the check of a device: one page to read or to attach to an issue, and the same as JSON."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from kresnet.diagnostics.device_check.part import Figures, PartResult
from kresnet.errors import KresnetError, Problem
from kresnet.files import replace_non_finite, write_json, write_text
from kresnet.version import __version__

#: Where NVIDIA's driver says which one it is.
_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A result in the report.

    Attributes:
        part: name of the part that it is of.
        result: the result.
        seconds: how long the part had run by then.
    """

    part: str
    result: PartResult
    seconds: float

    def line(self) -> str:
        """Return the entry in a line, for who watches the check."""
        name = self.part if self.result.name == self.part else f"{self.part}: {self.result.name}"
        first = self.result.detail.partition("\n")[0]
        return f"{self.result.verdict:7} {name}{' - ' * bool(first)}{first} ({self.seconds:.0f} s)"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = {"part": self.part, **asdict(self.result), "seconds": round(self.seconds, 2)}
        return dict(replace_non_finite(values))


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What a check of a device found.

    Attributes:
        date: when it began, UTC, ISO 8601.
        quick: whether parts took their short forms.
        system: versions, platform and driver, by name.
        entries: the results so far, in order.
        complete: whether all parts that were asked for have ended.
        seconds: how long it has taken.
    """

    date: str
    quick: bool
    system: Mapping[str, str]
    entries: tuple[PartEntry, ...] = ()
    complete: bool = False
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether all parts ended and nothing failed."""
        return self.complete and not self.failed

    @property
    def failed(self) -> list[PartEntry]:
        """The results that failed."""
        return [entry for entry in self.entries if entry.result.verdict == "failed"]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "passed": self.passed,
            "complete": self.complete,
            "date": self.date,
            "quick": self.quick,
            "seconds": round(self.seconds, 1),
            "system": dict(self.system),
            "results": [entry.as_dict() for entry in self.entries],
        }

    def error(self) -> KresnetError:
        """Return an error with a problem for each result that failed."""
        return KresnetError(
            Problem(
                "device_check_failed",
                f"{entry.part}: {entry.result.name} failed."
                if entry.part != entry.result.name
                else f"The part `{entry.part}` failed.",
                found=entry.result.detail.partition("\n")[0],
                remedy=entry.result.remedy,
            )
            for entry in self.failed
        )

    def write(self, directory: Path) -> None:
        """Write `device-check.json` and `device-check.md`, each atomically, in the place of older ones.

        Raises:
            KresnetError: `disk_full` or `not_writable`.
        """
        write_json(directory / "device-check.json", self.as_dict())
        write_text(directory / "device-check.md", self.markdown())

    def markdown(self) -> str:
        """Return the report as a page."""
        lines = ["# kresnet check device", "", self.summary(), "", "| | |", "|---|---|"]
        lines += [f"| {name} | {_cell(value)} |" for name, value in self.system.items()]
        lines += ["", "| part | what | verdict | what was found | s |", "|---|---|---|---|---:|"]
        for entry in self.entries:
            result = entry.result
            shown = "" if result.verdict == "failed" else result.detail
            found = "; ".join(text for text in (shown, figures_text(result.figures)) if text)
            cells = (entry.part, result.name, result.verdict, found, f"{entry.seconds:.1f}")
            lines.append(f"| {' | '.join(map(_cell, cells))} |")
        for entry in self.failed:
            lines += ["", f"## Failed: {entry.part}, {entry.result.name}", "", "```text", entry.result.detail, "```"]
            lines += ["", f"To do: {entry.result.remedy}"] if entry.result.remedy else []
        return "\n".join(lines) + "\n"

    def summary(self) -> str:
        """Return the verdict in a sentence."""
        counts = {verdict: sum(entry.result.verdict == verdict for entry in self.entries)
                  for verdict in ("passed", "failed", "skipped")}  # fmt: skip
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        form = "quick form" if self.quick else "full form"
        ended = "" if self.complete else "; it did not reach its end"
        return f"{told}; {self.seconds:.0f} s, {form}, {self.date}{ended}."


def begin_report(quick: bool) -> DeviceReport:
    """Return a report without results, dated now."""
    return DeviceReport(datetime.now(UTC).isoformat(timespec="seconds"), quick, _system())


def figures_text(figures: Figures) -> str:
    """Return figures as a table shows them."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else f'{value:,.4g}'}" for name, value in figures.items()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _system() -> dict[str, str]:
    """Return versions, platform and driver, by what can be known without TensorFlow."""
    system = {"kresnet": __version__, "Python": platform.python_version(), "platform": platform.platform()}
    for package in ("tensorflow", "keras", "numpy"):
        with suppress(PackageNotFoundError):
            system[package] = version(package)
    wheels = {each.name: each.version for each in distributions() if (each.name or "").startswith("nvidia-")}
    if wheels:
        system["NVIDIA's wheels"] = ", ".join(f"{name} {number}" for name, number in sorted(wheels.items()))
    with suppress(OSError):
        system["NVIDIA's driver"] = _DRIVER.read_text(encoding="utf-8", errors="replace").splitlines()[0].strip()
    system["command"] = " ".join(["kresnet", *sys.argv[1:]])
    return system
