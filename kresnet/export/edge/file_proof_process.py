"""The process in which a file is proved: `python -m kresnet.export.edge.file_proof_process FORMAT FILE ROWS.npz`.

It has the file's runtime and no TensorFlow, as the device has. It prints one JSON object, its last line.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export.edge.file_runtimes import Arrays, FileRuntime, open_file

#: Inputs that are run at once, and batches whose answers must be the same as those.
BATCH, OTHER_BATCHES = 16, (1, 3)
#: Runs of one input that a latency is the median of, at most, and seconds they may take.
RUNS, SECONDS = 100, 0.5


def measure_file(kind: Any, path: Path, rows_file: Path) -> dict[str, Any]:
    """Return what was measured of a file, JSON-ready.

    Args:
        kind: format of the file.
        path: the file.
        rows_file: `.npz` file of `rows`; `expected/NAME`, the float network's outputs; `independent`, whether a
            classifier's labels are; and `targets`, where they are known.
    """
    with np.load(rows_file, allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    rows = given["rows"]
    expected = {name.partition("/")[2]: values for name, values in given.items() if name.startswith("expected/")}
    runtime = open_file(kind, path)
    answers = _run_batches(runtime, rows, BATCH)
    shared = [name for name in expected if name in answers]
    few = rows[: 2 * max(OTHER_BATCHES)]
    others = [_run_batches(runtime, few, size) for size in OTHER_BATCHES]
    figures: dict[str, Any] = {
        "runtime": runtime.name,
        "tensorflow_imported": any(name in sys.modules for name in ("tensorflow", "keras")),
        "images": len(rows),
        "input": runtime.input,
        "outputs": [each | {"shape": [None, *answers[each["name"]].shape[1:]]} for each in runtime.outputs],
        "finite": all(bool(np.isfinite(values).all()) for values in answers.values()),
        "between_batches": max(
            _difference(answers[name][: len(few)], other[name]) for other in others for name in other
        ),
        "differences": {name: _difference(expected[name], answers[name]) for name in shared},
        "decibels": {name: _decibels(expected[name], answers[name]) for name in shared},
        "operations": runtime.operations(),
        "arena_bytes": runtime.arena_bytes(),
        "milliseconds": {str(threads): _latency(open_file(kind, path, threads), rows[:1]) for threads in (1, 2)},
    }
    if "probabilities" in shared:
        figures |= _compare_classes(given, expected["probabilities"], answers["probabilities"])
    return figures


def decided(probabilities: np.ndarray, independent: bool) -> np.ndarray:
    """Return the likeliest class of each row, or which independent labels are likelier than not."""
    return probabilities >= 0.5 if independent else probabilities.argmax(axis=-1)


def _compare_classes(given: Arrays, expected: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    independent = bool(given["independent"])
    exact, found = decided(expected, independent), decided(answers, independent)
    figures: dict[str, Any] = {
        "agreement": float(np.mean(exact == found)),
        "probability_difference": float(np.abs(expected - answers).max()),
    }
    if "targets" in given:
        targets = given["targets"] >= 0.5 if independent else given["targets"]
        figures |= {"float_accuracy": float(np.mean(exact == targets)), "accuracy": float(np.mean(found == targets))}
    return figures


def _run_batches(runtime: FileRuntime, rows: np.ndarray, size: int) -> Arrays:
    parts = [runtime.run(rows[start : start + size]) for start in range(0, len(rows), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """The measure of `kresnet.export.reference_outputs.scaled_difference`."""
    return float(np.abs(actual - expected).max() / max(1.0, np.abs(expected).max()))


def _decibels(expected: np.ndarray, actual: np.ndarray) -> float | None:
    noise = float(np.sum(np.square(expected.astype(np.float64) - actual)))
    signal = float(np.sum(np.square(expected, dtype=np.float64)))
    return 10 * float(np.log10(signal / noise)) if noise and signal else None


def _latency(runtime: FileRuntime, row: np.ndarray) -> float:
    """The median of the milliseconds that one input takes."""
    for _ in range(3):
        runtime.run(row)
    taken: list[float] = []
    while len(taken) < RUNS and (len(taken) < 3 or sum(taken) < SECONDS):
        began = time.perf_counter()
        runtime.run(row)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    print(json.dumps(measure_file(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))), flush=True)
