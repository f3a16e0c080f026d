"""The temperatures by which the logits of a run's network are divided before they become probabilities.

`kresnet calibrate` fits them (`kresnet.evaluation.temperature`); here they are kept: `calibration.json` in the run's
directory has an entry for the last network and one for the best epoch's, each with the SHA-256 of the weights that it
was fitted to, so that a calibration of other weights is never applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import make_error
from kresnet.files import write_json

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures of one network, and what they were fitted to.

    Attributes:
        temperatures: one for all classes, or one for each of independent labels; logits are divided by them.
        weights: SHA-256 of the `.keras` file that they belong to, hexadecimal.
        data: name of the data that they were fitted to.
        split: the split of these data.
        images: number of its images.
        before: metrics of the split with the network's own probabilities.
        after: the same metrics with the calibrated ones.
        notes: what a user should know of the fit, a sentence each.
    """

    temperatures: tuple[float, ...]
    weights: str
    data: str
    split: str
    images: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as JSON-ready values."""
        return asdict(self) | {"temperatures": list(self.temperatures), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration that `as_dict` wrote.

        Raises:
            ValueError, TypeError: the values are no calibration.
        """
        temperatures = tuple(float(value) for value in values["temperatures"])
        if not temperatures or not all(0 < value < float("inf") for value in temperatures):
            raise ValueError("temperatures are positive numbers")
        return cls(**dict(values) | {"temperatures": temperatures, "notes": tuple(values["notes"])})


def read_calibration(directory: Path, model: str) -> Calibration | None:
    """Read the calibration of a network of a run; None where it has none.

    Args:
        directory: the run's directory.
        model: name of the network's file in it: `model.keras` or `best.keras`.

    Raises:
        KresnetError: `run_missing` where the file is damaged.
    """
    entries = _read_entries(directory / FILE)
    if model not in entries:
        return None
    try:
        return Calibration.from_dict(entries[model])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged_error(directory / FILE, str(error)) from None


def write_calibration(directory: Path, model: str, calibration: Calibration) -> Path:
    """Keep the calibration of a network with its run, atomically, and return the file; the other network's stays."""
    path = directory / FILE
    write_json(path, _read_entries(path) | {model: calibration.as_dict()})
    return path


def _read_entries(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _damaged_error(path, str(error)) from None
    if not isinstance(entries, dict):
        raise _damaged_error(path, "no JSON object")
    return entries


def _damaged_error(path: Path, reason: str) -> Exception:
    remedy = f"remove {path}, then kresnet calibrate RUN"
    return make_error("run_missing", f"{path} is not what `kresnet calibrate` wrote: {reason}.", remedy=remedy)


__all__ = ["FILE", "Calibration", "read_calibration", "write_calibration"]
