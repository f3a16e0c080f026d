"""Files run by the runtimes that they are for; TensorFlow is not imported."""

from __future__ import annotations

import abc
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export.edge.file_formats import FileFormat
from kresnet.export.edge.quantization import SIGNATURE
from kresnet.export.edge.tflite_layers import tflite_operations

Arrays = dict[str, np.ndarray]
#: How many operations of a kind there are, by what they compute with (`integer`, `hybrid`, `float`).
OperationCounts = dict[str, dict[str, int]]


class FileRuntime(abc.ABC):
    """A file that a runtime has loaded.

    Attributes:
        name: name and version of the runtime.
        input: the input, JSON-ready: `name`, `dtype`, and of integers `scale` and `zero_point`: a value stands for
            `(value - zero_point) * scale`.
        outputs: the outputs, likewise.
    """

    name: str
    input: dict[str, Any]
    outputs: list[dict[str, Any]]

    @abc.abstractmethod
    def run(self, rows: np.ndarray) -> Arrays:
        """Return the outputs by name for inputs `(N, ...)` of pixels 0-255 or vectors, float32."""

    @abc.abstractmethod
    def operations(self) -> OperationCounts:
        """Return the operations that it runs."""

    def arena_bytes(self) -> int | None:
        """Return how many bytes activations of one input take, planned by the runtime; None where it does not say."""
        return None


class LiteRTFile(FileRuntime):
    """A TensorFlow Lite file, run by LiteRT with its XNNPACK kernels."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a file."""
        import importlib.metadata

        from ai_edge_litert.interpreter import Interpreter

        self._path = path
        self.name = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"
        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._runner = self._interpreter.get_signature_runner(SIGNATURE)
        [(self._input, self._input_details)] = self._runner.get_input_details().items()
        self._outputs = self._runner.get_output_details()
        self.input = _describe_end(self._input, self._input_details)
        self.outputs = [_describe_end(name, details) for name, details in self._outputs.items()]

    def run(self, rows: np.ndarray) -> Arrays:
        """See `FileRuntime.run`."""
        answer = self._runner(**{self._input: _quantized(rows, self._input_details)})
        return {name: _dequantized(values, self._outputs[name]) for name, values in answer.items()}

    def operations(self) -> OperationCounts:
        """See `FileRuntime.operations`."""
        counts: OperationCounts = {}
        for operation in tflite_operations(self._path.read_bytes()):
            of_type = counts.setdefault(operation.computes, {})
            of_type[operation.kind] = of_type.get(operation.kind, 0) + 1
        return counts

    def arena_bytes(self) -> int | None:
        """See `FileRuntime.arena_bytes`: the extent of all tensors that operations write, without XNNPACK's own."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        plain = Interpreter(
            str(self._path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        plain.allocate_tensors()
        written = {each["index"] for each in plain.get_input_details()}
        written |= {index for operation in plain._get_ops_details() for index in operation["outputs"]}
        bounds = []
        for index in written:
            try:
                view = plain.tensor(index)()
            except ValueError:  # of a shape that is known in a run only, as squeeze-excite's products have: not in it
                continue
            start = view.__array_interface__["data"][0]
            bounds.append((start, start + view.nbytes))
            del view
        return max(end for _, end in bounds) - min(start for start, _ in bounds)


class OnnxFile(FileRuntime):
    """An ONNX file, run by ONNX Runtime."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a file."""
        import onnxruntime

        self._path = path
        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.input = {"name": self._input, "dtype": "float32"}
        self.outputs = [{"name": name, "dtype": "float32"} for name in self._outputs]

    def run(self, rows: np.ndarray) -> Arrays:
        """See `FileRuntime.run`."""
        answer = self._session.run(self._outputs, {self._input: rows.astype(np.float32)})
        return dict(zip(self._outputs, answer, strict=True))

    def operations(self) -> OperationCounts:
        """See `FileRuntime.operations`: those that ONNX Runtime makes of the file's."""
        import tempfile

        import onnx
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.optimized_model_filepath, options.log_severity_level = f"{folder}/optimized.onnx", 3
            onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
            kinds = Counter(node.op_type for node in onnx.load(f"{folder}/optimized.onnx").graph.node)
        counts: OperationCounts = {}
        for kind, count in kinds.items():
            integer = kind.startswith(("QLinear", "Quantize", "Dequantize")) or kind.endswith("Integer")
            counts.setdefault("integer" if integer else "float", {})[kind] = count
        return counts


class OpenVINOFile(FileRuntime):
    """A file of OpenVINO's, run on the CPU, in float32 where it is of floats."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a file."""
        import openvino

        self.name = f"OpenVINO {openvino.__version__.partition('-')[0]}"
        # By itself it takes bfloat16 where a processor has units for it, whatever the file says.
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self._compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self._outputs = [output.get_any_name() for output in self._compiled.outputs]
        self.input = {"name": self._compiled.inputs[0].get_any_name(), "dtype": "float32"}
        self.outputs = [{"name": name, "dtype": "float32"} for name in self._outputs]

    def run(self, rows: np.ndarray) -> Arrays:
        """See `FileRuntime.run`."""
        answer = self._compiled([rows.astype(np.float32)])
        return {name: np.array(answer[place]) for place, name in enumerate(self._outputs)}

    def operations(self) -> OperationCounts:
        """See `FileRuntime.operations`: those that OpenVINO makes of the file's, by the type that it runs them in."""
        counts: OperationCounts = {}
        for operation in self._compiled.get_runtime_model().get_ops():
            facts = operation.get_rt_info()
            kind, precision = (str(facts[name].value if hasattr(facts[name], "value") else facts[name])
                               for name in ("layerType", "runtimePrecision"))  # fmt: skip
            if kind not in ("Input", "Const", "Output"):
                of_type = counts.setdefault("integer" if precision.lower() in ("i8", "u8") else "float", {})
                of_type[kind] = of_type.get(kind, 0) + 1
        return counts


_RUNTIMES: dict[str, type[Any]] = {"tflite": LiteRTFile, "onnx": OnnxFile, "openvino": OpenVINOFile}


def open_file(kind: FileFormat, path: Path, threads: int = 1) -> FileRuntime:
    """Load a file in the runtime that it is for.

    Args:
        kind: format of the file.
        path: the file.
        threads: how many threads it may use.
    """
    with warnings.catch_warnings(action="ignore"):
        runtime: FileRuntime = _RUNTIMES[kind](path, threads)
    return runtime


def _describe_end(name: str, details: dict[str, Any]) -> dict[str, Any]:
    """An input or output as `FileRuntime` says it."""
    scale, zero = details["quantization"]
    described = {"name": name, "dtype": np.dtype(details["dtype"]).name}
    return described | ({"scale": float(scale), "zero_point": int(zero)} if scale else {})


def _quantized(rows: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    kind = details["dtype"]
    if not scale:
        return rows.astype(kind)
    bounds = np.iinfo(kind)
    return np.clip(np.rint(rows / scale) + zero, bounds.min, bounds.max).astype(kind)


def _dequantized(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    return np.asarray((values.astype(np.float32) - zero) * scale if scale else values, np.float32)


__all__ = ["FileRuntime", "LiteRTFile", "OnnxFile", "OperationCounts", "open_file"]
