"""A run's history as the page needs it: epochs, gradients and batch norms apart, numbers that are none left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.data.description import SPLITS, selection_split
from kresnet.files import replace_non_finite
from kresnet.runs.run_directory import RunDirectory

#: Measurements that a figure shows of a run; of more, as many evenly spaced ones.
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The numbers recorded at the end of an epoch; metrics are by name, None where they were not finite.

    `validation` is empty in a run without images to validate on, `test` in one with them.
    """

    epoch: int
    step: int
    train: Mapping[str, float | None]
    validation: Mapping[str, float | None]
    test: Mapping[str, float | None]
    learning_rate: float | None
    images_per_second: float | None
    input_wait: float | None
    seconds: float | None


@dataclass(frozen=True)
class GradientSeries:
    """Gradient norms over time, as `gradients_every_steps` recorded them.

    Attributes:
        blocks: their names, from input to output.
        steps: the steps in which it was measured.
        verdicts: at each of the steps: `holds`, `vanishes`, `explodes` or `not_a_number`.
        first_blocks: where it first does so, seen from the output; None where it holds.
        delta, identity, residual, weights: float64 `(blocks, steps)`, NaN where there is no value; see
            `kresnet.probes.gradient_flow.BlockFlow`.
    """

    blocks: tuple[str, ...]
    steps: tuple[int, ...]
    verdicts: tuple[str, ...]
    first_blocks: tuple[str | None, ...]
    delta: np.ndarray
    identity: np.ndarray
    residual: np.ndarray
    weights: np.ndarray

    def select(self, columns: np.ndarray) -> GradientSeries:
        """Return the measurements whose indices are given."""
        pick = columns.tolist()
        return GradientSeries(
            self.blocks,
            tuple(self.steps[n] for n in pick),
            tuple(self.verdicts[n] for n in pick),
            tuple(self.first_blocks[n] for n in pick),
            *(values[:, columns] for values in (self.delta, self.identity, self.residual, self.weights)),
        )

    def as_dict(self) -> dict[str, Any]:
        arrays = {
            name: replace_non_finite(getattr(self, name).tolist())
            for name in ("delta", "identity", "residual", "weights")
        }
        verdicts = {"verdicts": list(self.verdicts), "first_blocks": list(self.first_blocks)}
        return {"blocks": list(self.blocks), "steps": list(self.steps), **verdicts, **arrays}


@dataclass(frozen=True, slots=True)
class NormCheckSeries:
    """A batch-norm check of a run's own step: by norm, errors `x`, `gamma`, `beta`, their `tolerance`, `failures`."""

    step: int
    norms: Mapping[str, Mapping[str, Any]]

    @property
    def worst(self) -> tuple[str, str, float]:
        """The norm and gradient closest to their tolerance, and their share of it; infinity for what is no number."""
        shares = [
            (name, field, math.inf if errors[field] is None else errors[field] / errors["tolerance"])
            for name, errors in self.norms.items()
            for field in ("x", "gamma", "beta")
        ]
        return max(shares, key=lambda share: share[2])


@dataclass(frozen=True, slots=True)
class RunHistory:
    """All epochs and measurements that a run has recorded so far."""

    epochs: tuple[EpochRecord, ...]
    gradients: GradientSeries | None
    norm_checks: tuple[NormCheckSeries, ...]


def read_history(run: RunDirectory) -> RunHistory:
    """Read the history of a run; lines that are not as `fit` writes them are left out."""
    lines = [replace_non_finite(line) for line in run.history.lines()]
    epochs = tuple(epoch for line in lines if (epoch := _epoch(line)))
    checks = tuple(check for line in lines if (check := _norm_check(line)))
    return RunHistory(epochs, _gradients(lines), checks)


def evenly_spaced(count: int, most: int = MOST_SHOWN) -> np.ndarray:
    """Return at most `most` evenly spaced indices below `count`, int64, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _epoch(line: dict[str, Any]) -> EpochRecord | None:
    measured = [line.get(split) for split in ("train", selection_split(line))]
    if not (isinstance(line.get("epoch"), int) and all(isinstance(split, dict) for split in measured)):
        return None
    train, validation, test = (
        {str(name): _number(value) for name, value in line.get(split, {}).items()} for split in SPLITS
    )
    paces = (_number(line.get(name)) for name in ("learning_rate", "images_per_second", "input_wait", "seconds"))
    return EpochRecord(line["epoch"], line["step"], train, validation, test, *paces)


def _gradients(lines: list[dict[str, Any]]) -> GradientSeries | None:
    measured = [line for line in lines if isinstance(line.get("gradients"), dict)]
    measured = [
        line for line in measured if isinstance(line["gradients"].get("blocks"), dict) and line["gradients"]["blocks"]
    ]
    if not measured:
        return None
    blocks = tuple(measured[-1]["gradients"]["blocks"])
    measured = [line for line in measured if tuple(line["gradients"]["blocks"]) == blocks]

    def values(field: str) -> np.ndarray:
        numbers = [[_number(line["gradients"]["blocks"][name].get(field)) for line in measured] for name in blocks]
        return np.array(numbers, dtype=np.float64)

    return GradientSeries(
        blocks,
        tuple(line["step"] for line in measured),
        tuple(str(line["gradients"].get("verdict")) for line in measured),
        tuple(line["gradients"].get("first_block") for line in measured),
        *(values(field) for field in ("delta", "identity", "residual", "weights")),
    )


def _norm_check(line: dict[str, Any]) -> NormCheckSeries | None:
    norms = line.get("batch_norm")
    return NormCheckSeries(line["step"], norms) if isinstance(norms, dict) and norms else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
