"""Exports to files for other runtimes, each proved in a process of its own before it is kept.

Beside FILE stands FILE.json: what it takes and gives, the class names, the resolved spec, how it was quantised, and
what the proof measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.export.edge.export_rows import ExportRows, FileRows
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.file_proof import FileProof, prove_file, require_proof
from kresnet.export.edge.file_writers import OPSET, input_tensor, make_function, quantize_onnx, write_onnx, write_tflite
from kresnet.export.reference_outputs import reference_outputs
from kresnet.export.served_network import ServedNetwork, served_network
from kresnet.export.signature_contract import input_batch_shape, require_class_names
from kresnet.files import refuse_existing, staged_file, write_json
from kresnet.plan import Plan, make_plan
from kresnet.runtime import require_extra
from kresnet.spec.architecture import Classifier, Spec
from kresnet.version import __version__

#: Rows that differences of folding and of layers are measured on.
FEW = 32

#: The extra of pyproject.toml that brings a format's packages.
EXTRA_OF_FORMAT = {"tflite": "edge", "onnx": "onnx"}


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
        tell: takes a line of progress now and then.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `data_mismatch`, `environment`, `disk_full`, `not_writable`;
            `not_servable` where the runtime cannot run it, `export_mismatch` where its answers differ, or a file of
            integers loses more than it may; then nothing is written.
    """
    require_file_format(spec, path, options)
    require_class_names(spec, class_names)
    network, changes = served_network(model, plan or make_plan(spec), rows.proof.values[:FEW], fold=options.fold)
    expected = _expected_outputs(network, spec, rows.proof, temperatures)
    if options.quantized:
        expected = {name: values for name, values in expected.items() if name != "logits"}
    function = make_function(network, spec, temperatures, logits=not options.quantized)
    writer = _Writer(options, spec, network.plan, rows, expected, tell)
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        quantization = writer.write(staged, function, class_names)
        tell(f"Running the file in a fresh process without TensorFlow, on {len(rows.proof.values):,} inputs.")
        proof = prove_file(staged, options, rows.proof, expected, independent=writer.independent)
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
            "opset": OPSET if options.kind == "onnx" else None,
            "changes": [change.as_dict() for change in changes],
            "quantization": quantization,
            "verified": proof.as_dict() | {"largest_difference": proof.largest_difference},
            "made_with": {"kresnet": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
            "origin": dict(origin or {}),
            "spec": spec.document(),
        },
    )  # fmt: skip
    return FileExportResult(path, proof, quantization)


def require_file_format(spec: Spec, path: Path, options: FileOptions) -> None:
    """Refuse what cannot be written, before anything is read or computed.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `environment`.
    """
    for file in (path, _about(path)):
        refuse_existing(file)
    require_extra(EXTRA_OF_FORMAT[options.kind], f"--format {options.kind}")
    if options.calibrated and spec.input.any_size:
        message = f"{spec.name} takes images of any size; integers are calibrated for one."
        raise make_error("bad_option", message, remedy="--weights float32, or a spec whose input.any_size is false")


def _about(path: Path) -> Path:
    """The JSON about a file."""
    return path.with_name(path.name + ".json")


class _Writer:
    """Writes the file of an export, by format and type of weights."""

    def __init__(
        self,
        options: FileOptions,
        spec: Spec,
        plan: Plan,
        rows: FileRows,
        expected: dict[str, np.ndarray],
        tell: Callable[[str], None],
    ) -> None:
        self.options, self.spec, self.plan, self.rows, self.expected = options, spec, plan, rows, expected
        self.independent = isinstance(spec.head, Classifier) and spec.head.multi_label
        self.tell = tell

    def write(self, path: Path, function: Any, class_names: Sequence[str]) -> dict[str, Any]:
        """Write the file; return how it was quantised."""
        if self.options.kind == "onnx":
            return self._write_onnx(path, function)
        from kresnet.export.edge.tflite_metadata import add_metadata, use_bytes_at_ends

        content, quantization = write_tflite(function, half=self.options.weights == "float16"), dict[str, Any]()
        if self.options.quantized:
            content, quantization = self._quantize_tflite(content)
            if self.options.weights == "int8" and self.spec.input.is_image:
                content = use_bytes_at_ends(content)
        content = add_metadata(
            content, name=self.spec.name, description=f"{self.spec.name}, exported by kresnet {__version__}",
            image_shape=self.spec.input.shape if self.spec.input.is_image else None, class_names=class_names,
            about={"spec": self.spec.document(), "class_names": list(class_names), "weights": self.options.weights,
                   "quantization": quantization},
        )  # fmt: skip
        path.write_bytes(content)
        return quantization

    def _write_onnx(self, path: Path, function: Any) -> dict[str, Any]:
        if not self.options.quantized:
            write_onnx(path, function, self.spec)
            return {}
        assert self.rows.calibration
        exact = path.with_name(f"{path.stem}.float{path.suffix}")
        try:
            write_onnx(exact, function, self.spec)
            quantize_onnx(exact, path, self.rows.calibration.values, self.spec)
        finally:
            exact.unlink(missing_ok=True)
        return {"calibration": self._describe_calibration()}

    def _describe_calibration(self) -> dict[str, Any] | None:
        given = self.rows.calibration
        return {"source": given.source, **(given.drawn or {})} if given else None

    def _quantize_tflite(self, content: bytes) -> tuple[bytes, dict[str, Any]]:
        from kresnet.export.edge import quantization
        from kresnet.export.edge.float_layers import choose_float_layers
        from kresnet.export.edge.layer_noise import layer_noise, noisiest_layers
        from kresnet.export.edge.tflite_layers import tensors_of_layers, tflite_operations

        options, ranges = self.options, quantization.Ranges()
        named = tensors_of_layers(tflite_operations(content), self.plan, options.keep_float)
        if options.calibrated:
            assert self.rows.calibration
            self.tell(f"Calibrating on {len(self.rows.calibration.values):,} {self.rows.calibration.source}.")
            ranges = quantization.calibrate(content, self.rows.calibration.values, input_tensor(self.spec).name)

        def quantize(keep: Sequence[str]) -> bytes:
            return quantization.quantize(content, options.weights, ranges, (*named, *keep))

        described: dict[str, Any] = {"calibration": self._describe_calibration()}
        described["kept_float"] = list(options.keep_float)
        written = quantize(())
        if options.compare or options.lose_at_most is not None:
            measured_on = (self.rows.calibration or self.rows.proof).values[:FEW]
            noise = layer_noise(content, written, self.plan, measured_on)
            if options.compare:
                described["layers"] = [each.as_dict() for each in noise]
            if options.lose_at_most is not None:
                exact = self._float_accuracy()
                chosen = choose_float_layers(
                    quantize, [each for each in noisiest_layers(noise) if each.tensor not in named], self.rows.proof,
                    exact, options.lose_at_most, independent=self.independent, tell=self.tell,
                )  # fmt: skip
                written = quantize(chosen.tensors)
                described["kept_float"] += list(dict.fromkeys(chosen.layers))
                described["trials"] = list(chosen.trials)
        return written, described

    def _float_accuracy(self) -> float:
        from kresnet.export.edge.file_proof_process import decided

        targets = self.rows.proof.targets
        if targets is None or "probabilities" not in self.expected:
            message = "--lose-at-most needs images whose classes are known."
            raise make_error("bad_option", message, remedy="the directory of a run, without --images")
        targets = targets >= 0.5 if self.independent else targets
        return float(np.mean(decided(self.expected["probabilities"], self.independent) == targets))


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
