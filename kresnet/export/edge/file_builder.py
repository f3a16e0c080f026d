"""Write the file of an export: converted, quantised, and described in its metadata."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.export.edge.export_rows import FileRows
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.file_writers import input_tensor, quantize_onnx, write_onnx, write_openvino, write_tflite
from kresnet.plan import Plan
from kresnet.spec.architecture import Classifier, Spec
from kresnet.version import __version__

if TYPE_CHECKING:
    from kresnet.export.edge.quantization import Ranges
    from kresnet.export.edge.tflite_layers import TfliteOperation

#: Rows that the noise of layers is measured on.
FEW = 32


class FileBuilder:
    """Writes the file of an export, by format and type of weights.

    Attributes:
        independent: whether a classifier's classes are independent labels.
    """

    def __init__(
        self,
        options: FileOptions,
        spec: Spec,
        plan: Plan,
        rows: FileRows,
        expected: dict[str, np.ndarray],
        trained_ranges: Mapping[str, tuple[float, float]],
        tell: Callable[[str], None],
    ) -> None:
        self.options, self.spec, self.plan, self.rows, self.expected = options, spec, plan, rows, expected
        self.independent = isinstance(spec.head, Classifier) and spec.head.multi_label
        self.trained_ranges, self.tell = trained_ranges, tell

    def write(self, path: Path, function: Any, class_names: Sequence[str]) -> dict[str, Any]:
        """Write the file; return how it was quantised."""
        if self.options.kind != "tflite":
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
        """Write an ONNX file, or what OpenVINO makes of one."""
        with tempfile.TemporaryDirectory() as folder:
            exact, integers = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            write_onnx(exact, function, self.spec)
            if self.options.quantized:
                assert self.rows.calibration
                quantize_onnx(exact, integers, self.rows.calibration.values, self.spec)
            written = integers if self.options.quantized else exact
            if self.options.kind == "openvino":
                write_openvino(written, path, half=self.options.weights == "float16")
            else:
                shutil.copyfile(written, path)
        return {"calibration": self._describe_calibration()} if self.options.quantized else {}

    def _describe_calibration(self) -> dict[str, Any] | None:
        given = self.rows.calibration
        return {"source": given.source, **(given.drawn or {})} if given else None

    def _quantize_tflite(self, content: bytes) -> tuple[bytes, dict[str, Any]]:
        from kresnet.export.edge import quantization
        from kresnet.export.edge.float_layers import choose_float_layers
        from kresnet.export.edge.layer_noise import layer_noise, noisiest_layers
        from kresnet.export.edge.tflite_layers import tensors_of_layers, tensors_of_ranges, tflite_operations

        options, ranges = self.options, quantization.Ranges()
        described: dict[str, Any] = {"calibration": self._describe_calibration()}
        described["kept_float"] = list(options.keep_float)
        operations = tflite_operations(content)
        named = tensors_of_layers(operations, self.plan, options.keep_float)
        if options.calibrated:
            ranges = self._calibrated_ranges(content, operations)
            trained = tensors_of_ranges(operations, self.plan, self.trained_ranges)
            ranges |= {tensor: self.trained_ranges[layer] for tensor, layer in trained.items()}
            described["ranges_from_training"] = len(trained)

        def quantize(keep: Sequence[str]) -> bytes:
            return quantization.quantize(content, options.weights, ranges, (*named, *keep))

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

    def _calibrated_ranges(self, content: bytes, operations: list[TfliteOperation]) -> Ranges:
        """Return the ranges that tensors have on the images to calibrate on; those of pixels are known."""
        from kresnet.export.edge import quantization
        from kresnet.export.edge.tflite_layers import pixel_ranges

        assert self.rows.calibration
        self.tell(f"Calibrating on {len(self.rows.calibration.values):,} {self.rows.calibration.source}.")
        ranges = quantization.calibrate(content, self.rows.calibration.values, input_tensor(self.spec).name)
        if self.spec.input.pixels:
            ranges |= pixel_ranges(operations, self.plan, self.spec.input.pixels)
        return ranges

    def _float_accuracy(self) -> float:
        from kresnet.export.edge.file_proof_process import decided

        targets = self.rows.proof.targets
        assert targets is not None
        targets = targets >= 0.5 if self.independent else targets
        return float(np.mean(decided(self.expected["probabilities"], self.independent) == targets))


__all__ = ["FileBuilder"]
