"""What was measured of convolutions' kernels on this machine, kept in the user's cache for later runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError
from kresnet.files import cache_folder, json_digest, translate_os_errors, write_json
from kresnet.plan.convolutions import PASSES, KernelChoice

#: Raised whenever kernels, or how they are measured, change: what older versions measured is then measured anew.
_FORMAT = 1

#: Milliseconds of each way of each pass.
Times = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class MeasuredKernels:
    """What was measured of one convolution.

    Attributes:
        choice: the fastest ways, or stock where none is faster by enough.
        times: milliseconds of each way that was measured, by pass.
    """

    choice: KernelChoice
    times: Times

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "choice": self.choice.as_dict(),
            "milliseconds": {name: dict(ways) for name, ways in self.times.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MeasuredKernels:
        """Read what `as_dict` returned.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: if it is something else.
        """
        times = {
            name: {way: float(found) for way, found in values["milliseconds"][name].items() if way in PASSES[name]}
            for name in PASSES
            if name in values["milliseconds"]
        }
        return cls(KernelChoice.from_dict(values["choice"]), times)


class KernelCache:
    """The convolutions that were measured in one environment: on one kind of processor, by one TensorFlow.

    Attributes:
        environment: what the times depend on beside the convolution: processor, version, threads, switches.
        path: the file that holds them.
    """

    def __init__(self, environment: Mapping[str, Any]) -> None:
        self.environment = dict(environment)
        self.path = _folder() / f"{json_digest([_FORMAT, self.environment])[:32]}.json"

    def read(self) -> dict[str, MeasuredKernels]:
        """Return what is known by the convolutions' keys; what cannot be read counts as not known."""
        return _read(self.path)[1]

    def add(self, measured: Mapping[str, MeasuredKernels]) -> None:
        """Keep what was measured beside what is there; a cache that cannot be written does without."""
        together = {**self.read(), **measured}
        values = {key: each.as_dict() for key, each in sorted(together.items())}
        with contextlib.suppress(OSError, KresnetError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"environment": self.environment, "convolutions": values})


def cached_kernels() -> Iterator[tuple[dict[str, Any], dict[str, MeasuredKernels]]]:
    """Return each environment that the cache knows, with what was measured in it; broken files are left out."""
    for path in sorted(_folder().glob("*.json")):
        environment, measured = _read(path)
        if measured:
            yield environment, measured


def clear_cached_kernels() -> int:
    """Remove all that was measured, and return of how many convolutions that was.

    Raises:
        KresnetError: `not_writable`.
    """
    removed = 0
    for path in sorted(_folder().glob("*.json")):
        known = len(_read(path)[1])
        with translate_os_errors(path):
            path.unlink(missing_ok=True)
        removed += known
    return removed


def _folder() -> Path:
    return cache_folder() / "kernels"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, MeasuredKernels]]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        environment, convolutions = dict(values["environment"]), dict(values["convolutions"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}
    measured = {}
    for key, each in convolutions.items():
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            measured[key] = MeasuredKernels.from_dict(each)
    return environment, measured


__all__ = ["KernelCache", "MeasuredKernels", "cached_kernels", "clear_cached_kernels"]
