"""Exports to files for other runtimes, each proved in a process of its own before it is kept.

Beside FILE stands FILE.json: what it takes and gives, the class names, the resolved spec, how it was quantised, and
what the proof measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kresnet.errors import make_error, nearest
from kresnet.export.edge.export_rows import ExportRows, FileRows
from kresnet.export.edge.file_builder import FileBuilder
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.file_proof import FileProof, prove_file, require_proof
from kresnet.export.edge.file_writers import OPSET, make_function
from kresnet.export.manifest import made_with
from kresnet.export.reference_outputs import reference_outputs
from kresnet.export.served_network import ServedNetwork, served_network
from kresnet.export.signature_contract import input_batch_shape, require_class_names
from kresnet.files import refuse_existing, staged_file, write_json
from kresnet.plan import Plan, make_plan
from kresnet.runtime import require_extra
from kresnet.spec.architecture import Spec

#: Rows that differences of folding and of layers are measured on.
FEW = 32

#: The extra of pyproject.toml that brings a format's packages.
EXTRA_OF_FORMAT = {"tflite": "edge", "onnx": "onnx", "openvino": "openvino"}


@dataclass(frozen=True, slots=True)
class FileExportResult:
    """A file that was written and proved.

    Attributes:
        path: the file.
        proof: what was measured of it.
        quantization: how it was quantised, JSON-ready; empty for a file of floats.
    """

    path: Path
    proof: FileProof
    quantization: dict[str, Any]

    @property
    def runtime(self) -> str:
        """Name and version of the runtime that ran it."""
        return self.proof.runtime

    @property
    def largest_difference(self) -> float:
        """Largest difference of its answers from those of the float network, over the larger of 1 and these."""
        return self.proof.largest_difference

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {"path": str(self.path), "runtime": self.runtime, "largest_difference": self.largest_difference,
                "quantization": self.quantization, "proof": self.proof.as_dict()}  # fmt: skip

    def lines(self) -> list[str]:
        """Return the outcome as text for a human."""
        lines: list[str] = []
        if layers := self.quantization.get("layers"):
            width = max(len(each["layer"]) for each in layers)
            lines += [f"{each['layer']:<{width}}  {each['operation']:<18} {_decibels(each)}" for each in layers]
            worst = sorted(layers, key=lambda each: -each["noise_added"])[:3]
            lines.append(f"most noise is added by {', '.join(each['layer'] for each in worst)}")
        if kept := self.quantization.get("kept_float"):
            lines.append(f"in float: {', '.join(kept)}")
        return [*lines, *self.proof.lines(), f"written: {self.path}"]


def export_file(
    model: keras.Model,
    spec: Spec,
    class_names: Sequence[str],
    path: Path,
    options: FileOptions,
    rows: FileRows,
    *,
    plan: Plan | None = None,
    origin: Mapping[str, Any] | None = None,
    temperatures: Sequence[float] | None = None,
    trained_ranges: Mapping[str, tuple[float, float]] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> FileExportResult:
    """Write a file for another runtime, and JSON about it, once that runtime has answered as it must.

    A file of floats takes what `serving_default` takes, any number of rows, and gives a classifier's `logits` and
    `probabilities`, or the network's own outputs. One of integers gives `probabilities` alone; `int8` takes images as
    uint8, and gives uint8, 256 times the probability.

    Args:
        model: the trained network, built from `spec`.
        spec: spec of the network.
        class_names: names of the classes, in order; empty where the head is not a classifier.
        path: the file to write; `PATH.json` is written beside it.
        options: what to write.
        rows: what it is calibrated and proved on.
        plan: plan of `spec`, where it has been made.
        origin: what the JSON shall say of where `model` comes from.
        temperatures: as for `kresnet.export.saved_model.export_model`.
        trained_ranges: ranges of activations by layer, of a network that was trained for integers; they go before those
            of a calibration.
        tell: takes a line of progress now and then.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `data_mismatch`, `environment`, `disk_full`, `not_writable`;
            `not_servable` where the runtime cannot run it, `export_mismatch` where its answers differ, or a file of
            integers loses more than it may; then nothing is written.
    """
    plan = plan or make_plan(spec)
    require_file_format(spec, plan, path, options)
    require_class_names(spec, class_names)
    if options.lose_at_most is not None and (rows.proof.targets is None or plan.probabilities is None):
        message = "--lose-at-most needs images whose classes are known."
        raise make_error("bad_option", message, remedy="the directory of a run, without --images")
    network, changes = served_network(model, plan, rows.proof.values[:FEW], fold=options.fold)
    expected = _expected_outputs(network, spec, rows.proof, temperatures)
    if options.quantized:
        expected = {name: values for name, values in expected.items() if name != "logits"}
    function = make_function(network, spec, temperatures, logits=not options.quantized)
    builder = FileBuilder(options, spec, network.plan, rows, expected, trained_ranges or {}, tell)
    with ExitStack() as stack:
        staged, *_ = [stack.enter_context(staged_file(each)) for each in _files(path, options)]
        path.parent.mkdir(parents=True, exist_ok=True)
        quantization = builder.write(staged, function, class_names)
        tell(f"Running the file in a fresh process without TensorFlow, on {len(rows.proof.values):,} inputs.")
        proof = prove_file(staged, options, rows.proof, expected, independent=builder.independent)
        require_proof(proof, options, 1 / min(1.0, *(temperatures or (1.0,))))
    write_json(
        _about(path),
        {
            "file": path.name,
            "name": spec.name,
            "input": proof.figures["input"] | {"shape": input_batch_shape(spec)},
            "outputs": proof.figures["outputs"],
            "class_names": list(class_names),
            "temperatures": list(temperatures) if temperatures else None,
            "weights": options.weights,
            "opset": None if options.kind == "tflite" else OPSET,
            "changes": [change.as_dict() for change in changes],
            "quantization": quantization,
            "verified": proof.as_dict() | {"largest_difference": proof.largest_difference},
            "made_with": made_with(),
            "origin": dict(origin or {}),
            "spec": spec.document(),
        },
    )  # fmt: skip
    return FileExportResult(path, proof, quantization)


def require_file_format(spec: Spec, plan: Plan, path: Path, options: FileOptions) -> None:
    """Refuse what cannot be written, before anything is read or computed.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `environment`.
    """
    if options.kind == "openvino" and path.suffix != ".xml":
        raise make_error("bad_option", f"-o {path} is not named as OpenVINO's files are.",
                         expected="a name that ends in .xml; the weights go to one that ends in .bin")  # fmt: skip
    for file in (*_files(path, options), _about(path)):
        refuse_existing(file)
    require_extra(EXTRA_OF_FORMAT[options.kind], f"--format {options.kind}")
    if options.calibrated and spec.input.any_size:
        message = f"{spec.name} takes images of any size; integers are calibrated for one."
        raise make_error("bad_option", message, remedy="--weights float32, or a spec whose input.any_size is false")
    for layer in options.keep_float:
        if not any(f"{record.name}.".startswith(f"{layer}.") for record in plan.records):
            message, close = f"The network has no layer {layer} to keep in float.", nearest(layer, list(plan.by_name))
            raise make_error("bad_option", message, found=layer, nearest=close, remedy="--compare lists the layers")


def _files(path: Path, options: FileOptions) -> list[Path]:
    """The files of a format: OpenVINO keeps weights in one of their own."""
    return [path, path.with_suffix(".bin")] if options.kind == "openvino" else [path]


def _about(path: Path) -> Path:
    """The JSON about a file."""
    return path.with_name(path.name + ".json")


def _expected_outputs(
    network: ServedNetwork, spec: Spec, rows: ExportRows, temperatures: Sequence[float] | None
) -> dict[str, np.ndarray]:
    """What the float network answers in Keras, by output."""
    size = max(1, min(256, 2**24 // int(np.prod(rows.values.shape[1:]))))
    parts = [
        reference_outputs(network.predict(rows.values[start : start + size]), spec, temperatures)
        for start in range(0, len(rows.values), size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "features"}


def _decibels(layer: Mapping[str, Any]) -> str:
    value = layer["decibels"]
    return f"{math.inf if value is None else value:6.1f} dB"


__all__ = ["FileExportResult", "export_file", "require_file_format"]
