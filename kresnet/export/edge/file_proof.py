"""Prove a file: run it in a fresh process with its runtime alone, and hold it to what the float network answers."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.errors import KresnetError, make_error
from kresnet.export.edge.file_formats import LOSE_AT_MOST, FileOptions, FileWeights
from kresnet.python_processes import child_environment, python_command

if TYPE_CHECKING:
    from kresnet.export.edge.export_rows import ExportRows

#: Largest difference of a file's outputs from the network's, over the larger of 1 and their magnitude: another runtime
#: adds up in another order, and float16 keeps 11 binary digits.
TOLERANCES: dict[FileWeights, float] = {"float32": 1e-4, "float16": 1e-2}
#: What a quantised network without classes must leave of the outputs' signal, in decibels.
LEAST_DECIBELS = 20.0
#: Seconds after which a proof that has not ended is taken to hang.
TIMEOUT_SECONDS = 1800

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FileProof:
    """What was measured of a file.

    Attributes:
        figures: what `kresnet.export.edge.file_proof_process.measure_file` returned.
        source: the images, in words.
        size_bytes: size of the file.
        not_verified: what the proof says nothing about, a sentence each.
    """

    figures: dict[str, Any]
    source: str
    size_bytes: int
    not_verified: tuple[str, ...]

    @property
    def runtime(self) -> str:
        """Name and version of the runtime that ran the file."""
        return str(self.figures["runtime"])

    @property
    def largest_difference(self) -> float:
        """Largest difference of an output from the float network's, over the larger of 1 and its magnitude."""
        return max(self.figures["differences"].values())

    @property
    def loss(self) -> float | None:
        """By how much the share of right answers is below the float network's; None where nobody knows."""
        figures = self.figures
        return figures["float_accuracy"] - figures["accuracy"] if "accuracy" in figures else None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        measured = {name: value for name, value in self.figures.items() if name not in ("input", "outputs")}
        return {"rows": self.source, "size_bytes": self.size_bytes, **measured,
                "not_verified": list(self.not_verified)}  # fmt: skip

    def lines(self) -> list[str]:
        """Return the figures as text for a human."""
        figures = self.figures
        lines = [f"ran in {self.runtime} without TensorFlow, on {figures['images']:,} {self.source}"]
        if "accuracy" in figures:
            lines.append(f"accuracy {figures['accuracy']:.2%}, of the float network {figures['float_accuracy']:.2%}")
        if "agreement" in figures:
            lines.append(f"the same class for {figures['agreement']:.2%}; "
                         f"largest difference of a probability {figures['probability_difference']:.2g}")  # fmt: skip
        else:
            lines.append(f"largest difference of an output {self.largest_difference:.1e}")
        lines.append(f"operations: {describe_operations(figures['operations'])}")
        arena = f", {figures['arena_bytes'] / 1024:,.0f} KiB of activations" if figures["arena_bytes"] else ""
        lines.append(f"{self.size_bytes / 1024:,.0f} KiB{arena}")
        times = figures["milliseconds"]
        lines.append(f"{times['1']:.2f} ms an input with 1 thread, {times['2']:.2f} ms with 2, on this machine")
        return [*lines, *(f"not verified: {sentence}" for sentence in self.not_verified)]


def describe_operations(counts: dict[str, dict[str, int]]) -> str:
    """Return what a file computes with, in words."""
    if set(counts) == {"integer"}:
        return f"all {sum(counts['integer'].values())} of integers"
    words = {"integer": "of integers", "hybrid": "of integer weights and float activations", "float": "of floats"}
    parts = []
    for computes, word in words.items():
        if of_type := counts.get(computes):
            named = ", ".join(f"{count} {kind}" for kind, count in of_type.items())
            parts.append(f"{sum(of_type.values())} {word}" + (f" ({named})" if computes != "integer" else ""))
    return "; ".join(parts)


def prove_file(
    path: Path, options: FileOptions, rows: ExportRows, expected: Arrays, *, independent: bool = False
) -> FileProof:
    """Measure a file in a fresh process.

    Args:
        path: the file.
        options: how it was written.
        rows: the inputs.
        expected: the outputs of the float network in Keras, by name; a classifier's `probabilities` among them.
        independent: whether the classes are independent labels.

    Raises:
        KresnetError: `not_servable` where the process ended without an answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        given: dict[str, Any] = {f"expected/{name}": values for name, values in expected.items()}
        given |= {"rows": rows.values, "independent": np.bool_(independent)}
        if rows.targets is not None:
            given["targets"] = rows.targets
        np.savez(Path(folder) / "rows.npz", **given)
        process_module = "kresnet.export.edge.file_proof_process"
        command = python_command(process_module, options.kind, str(path), f"{folder}/rows.npz")
        environment = child_environment({"CUDA_VISIBLE_DEVICES": "-1"})
        try:
            process = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace",
                                     timeout=TIMEOUT_SECONDS, check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _no_answer_error(path, f"the process had not ended after {TIMEOUT_SECONDS} s") from None
    lines = process.stdout.strip().splitlines()
    if process.returncode != 0 or not lines:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise _no_answer_error(path, f"the process ended with status {process.returncode}: {last}")
    return FileProof(json.loads(lines[-1]), rows.source, _size(path), _list_unverified(rows))


def _size(path: Path) -> int:
    """Bytes of a file, and of that of its weights where they lie beside it."""
    return sum(each.stat().st_size for each in (path, path.with_suffix(".bin")) if each.is_file())


def require_proof(proof: FileProof, options: FileOptions, gain: float = 1.0) -> None:
    """Refuse a file that does not hold what it must.

    Args:
        proof: what was measured.
        options: how the file was written.
        gain: how many times larger a difference of probabilities may be: logits are divided by temperatures before.

    Raises:
        KresnetError: `export_mismatch`, with the figures.
    """
    figures = proof.figures
    if figures["tensorflow_imported"]:
        raise make_error("export_mismatch", "The process that was to prove the file imported TensorFlow.",
                         remedy="please report it")  # fmt: skip
    if not figures["finite"]:
        remedy = "a network that has learned" if options.weights == "float32" else "--weights float32"
        raise make_error("export_mismatch", "The file answers with numbers that are not finite.", remedy=remedy)
    allowed = max(
        TOLERANCES.get(options.weights, 0.0),
        1.01 * max(each.get("scale", 0.0) for each in figures["outputs"]),
        TOLERANCES["float32"],
    )
    if figures["between_batches"] > allowed * gain:
        message = f"The file answers differently in other batches, by {figures['between_batches']:.1e}."
        raise make_error("export_mismatch", message, remedy="please report it, with the spec")
    if options.quantized:
        _require_quantized(proof, options)
        return
    for name, difference in figures["differences"].items():
        limit = TOLERANCES[options.weights] * (gain if name == "probabilities" else 1.0)
        if not difference <= limit:
            message = f"The file's {name} differ from the network's by {difference:.1e} (allowed {limit:g})."
            raise make_error("export_mismatch", message, remedy="please report it, with the spec")


def _require_quantized(proof: FileProof, options: FileOptions) -> None:
    """Hold a file of integers to the accuracy of the float network; without labels nothing can be held to it."""
    figures, loss = proof.figures, proof.loss
    if loss is not None:
        limit = LOSE_AT_MOST if options.lose_at_most is None else options.lose_at_most
        if loss > limit + 1e-9:
            message = (
                f"Of {figures['images']:,} {proof.source}, the file gets {figures['accuracy']:.2%} right, the float "
                f"network {figures['float_accuracy']:.2%}: {100 * loss:.2f} points lost, more than {100 * limit:g}."
            )
            tried = options.lose_at_most is not None or options.kind != "tflite"
            remedy = "--weights int16x8, or recipe.quantize to train for it" if tried else (
                f"--lose-at-most {100 * LOSE_AT_MOST:g}% keeps in float what loses most")  # fmt: skip
            raise make_error("export_mismatch", message, remedy=remedy)
    elif "agreement" not in figures:
        for name, decibels in figures["decibels"].items():
            if decibels is not None and decibels < LEAST_DECIBELS:
                message = (f"The file's {name} keep {decibels:.1f} dB of signal to noise, "
                           f"less than {LEAST_DECIBELS:g}.")  # fmt: skip
                raise make_error("export_mismatch", message, remedy="--weights int16x8")


def _list_unverified(rows: ExportRows) -> tuple[str, ...]:
    gaps = [] if rows.targets is not None else ["accuracy: nobody says what the images show"]
    return (*gaps, "the device: latency and memory are those of this machine's processor")


def _no_answer_error(path: Path, reason: str) -> KresnetError:
    message = f"{path.name} cannot be run by its runtime: {reason}."
    return make_error("not_servable", message, remedy="--weights float32, or another --format")


__all__ = ["TOLERANCES", "FileProof", "describe_operations", "prove_file", "require_proof"]
