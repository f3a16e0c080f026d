"""Exports to TensorFlow Lite and ONNX, by the libraries that write them; each file is run before it is kept.

Beside FILE stands FILE.json: what it takes and gives, the class names, the resolved spec, and how far its answers are
from the trained network's.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.export.reference_outputs import reference_inputs, reference_outputs, scaled_difference
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.served_network import ServedNetwork, served_network
from kresnet.export.signature_contract import Fold, WeightType, input_batch_shape, require_class_names
from kresnet.export.signature_functions import scale_logits
from kresnet.files import refuse_existing, staged_file, write_json
from kresnet.plan import Plan, make_plan
from kresnet.runtime import require_extra
from kresnet.spec.architecture import Classifier, Spec
from kresnet.version import __version__

FileFormat = Literal["tflite", "onnx"]

#: Largest difference of a file's answers from the network's in Keras, over the larger of 1 and their magnitude:
#: another runtime adds up in another order. Kernels of float16 keep 11 binary digits.
TOLERANCES: dict[WeightType, float] = {"float32": 1e-4, "float16": 1e-2}
BATCHES = (1, 3)

#: The newest operators that onnxruntime has known since 2022.
OPSET = 17

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FileExportResult:
    """A file that was written and run.

    Attributes:
        path: the file.
        runtime: name and version of the runtime that ran it.
        largest_difference: largest difference of its answers from those of the network.
    """

    path: Path
    runtime: str
    largest_difference: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {"path": str(self.path), "runtime": self.runtime, "largest_difference": self.largest_difference}

    def lines(self) -> list[str]:
        """Return the outcome as text for a human."""
        worst = f"largest difference {self.largest_difference:.1e}"
        return [f"{self.path}: {self.runtime} answers as the network does; {worst}"]


def export_file(
    model: keras.Model,
    spec: Spec,
    class_names: Sequence[str],
    path: Path,
    kind: FileFormat,
    *,
    plan: Plan | None = None,
    fold: Fold = "auto",
    weights: WeightType = "float32",
    inputs: SampleInputs | None = None,
    origin: Mapping[str, Any] | None = None,
    temperatures: Sequence[float] | None = None,
) -> FileExportResult:
    """Write a file for another runtime, and JSON about it, once that runtime has answered as the network does.

    The file takes what `serving_default` takes, any number of rows, and gives a classifier's `logits` and
    `probabilities`, or the network's own outputs.

    Args:
        model: the trained network, built from `spec`.
        spec: spec of the network.
        class_names: names of the classes, in order; empty where the head is not a classifier.
        path: the file to write; `PATH.json` is written beside it.
        kind: format of the file, `tflite` or `onnx`; the latter needs `pip install 'kresnet[onnx]'`.
        plan: plan of `spec`, where it has been made.
        fold: whether batch norms are folded, as for `kresnet.export.served_network.served_network`.
        weights: type that kernels are stored in: float32, or float16 for TensorFlow Lite.
        inputs: real inputs to compare on; random ones by default.
        origin: what the JSON shall say of where `model` comes from.
        temperatures: as for `kresnet.export.saved_model.export_model`.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `data_mismatch`, `environment`, `disk_full`, `not_writable`;
            `export_mismatch` where the runtime's answers differ; then nothing is written.
    """
    about = path.with_name(path.name + ".json")
    for file in (path, about):
        refuse_existing(file)
    if weights not in TOLERANCES or (kind == "onnx" and weights != "float32"):
        raise make_error(
            "bad_option", f"--weights {weights} is not for --format {kind}.", expected="float32, or float16 for tflite"
        )
    if kind == "onnx":
        require_extra("onnx", "--format onnx")
    require_class_names(spec, class_names)
    inputs = inputs or SampleInputs()
    rows = reference_inputs(spec, inputs.images).rows
    network, changes = served_network(model, plan or make_plan(spec), rows, fold=fold)
    function = _make_tf_function(network, spec, temperatures)
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        write = _write_tflite if kind == "tflite" else _write_onnx
        runtime, run = write(staged, function, spec, weights)
        expected = reference_outputs(network.predict(rows), spec, temperatures)
        compared = {name: expected[name] for name in expected if name != "features"}
        worst = _require_agreement(run, compared, rows, TOLERANCES[weights], 1 / min(1.0, *(temperatures or (1.0,))))
        answer = run(rows[:1].astype(np.float32))
    write_json(
        about,
        {
            "file": path.name,
            "name": spec.name,
            "input": {"name": _input_spec(spec).name, "dtype": "float32", "shape": input_batch_shape(spec)},
            "outputs": [_describe_output(name, values) for name, values in answer.items()],
            "class_names": list(class_names),
            "temperatures": list(temperatures) if temperatures else None,
            "weights": weights,
            "changes": [change.as_dict() for change in changes],
            "verified": {"runtime": runtime, "rows": inputs.source, "batches": BATCHES, "largest_difference": worst},
            "made_with": {"kresnet": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
            "origin": dict(origin or {}),
            "spec": spec.document(),
        },
    )
    return FileExportResult(path, runtime, worst)


def _input_spec(spec: Spec) -> tf.TensorSpec:
    return tf.TensorSpec(input_batch_shape(spec), tf.float32, "image" if spec.input.is_image else "vector")


def _describe_output(name: str, values: np.ndarray) -> dict[str, Any]:
    """Return an output as the JSON says it, with any number of rows, as the input has it."""
    return {"name": name, "dtype": values.dtype.name, "shape": [None, *values.shape[1:]]}


def _make_tf_function(network: ServedNetwork, spec: Spec, temperatures: Sequence[float] | None) -> Any:
    """Return the network as a TensorFlow function of one tensor, with its outputs by name."""

    def answer(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(network.function(rows))
        if isinstance(spec.head, Classifier):
            scale = tf.sigmoid if spec.head.multi_label else tf.nn.softmax
            scaled = scale_logits(outputs["logits"], temperatures)
            outputs = {"logits": outputs["logits"], "probabilities": scale(scaled)}
        return {name: tf.identity(value, name) for name, value in outputs.items()}

    return tf.function(answer, input_signature=[_input_spec(spec)], autograph=False)


InferenceFunction = Callable[[np.ndarray], Arrays]


def _write_tflite(path: Path, function: Any, spec: Spec, weights: WeightType) -> tuple[str, InferenceFunction]:
    module = tf.Module()
    module.answer = function
    module.held = list(function.get_concrete_function().variables)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
        if weights == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
    with warnings.catch_warnings(action="ignore"):  # that it will be another package's one day
        runner = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    name = _input_spec(spec).name
    return f"TensorFlow Lite of TensorFlow {tf.__version__}", lambda rows: runner(**{name: rows})


def _write_onnx(path: Path, function: Any, spec: Spec, _weights: WeightType) -> tuple[str, InferenceFunction]:
    import onnxruntime
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(function, input_signature=[_input_spec(spec)], opset=OPSET)
    model.metadata_props.add(key="spec", value=json.dumps(spec.document()))
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(rows: np.ndarray) -> Arrays:
        return dict(zip(names, session.run(names, {_input_spec(spec).name: rows}), strict=True))

    return f"onnxruntime {onnxruntime.__version__}", run


def _require_agreement(
    run: InferenceFunction, expected: Arrays, rows: np.ndarray, tolerance: float, gain: float
) -> float:
    """Return the largest difference of a runtime's answers from the expected ones, in batches of several sizes.

    Args:
        run: asks the runtime.
        expected: the answers of the network.
        rows: the inputs.
        tolerance: largest difference that is allowed.
        gain: how many times larger that of probabilities may be: logits are divided by temperatures before.
    """
    worst = 0.0
    for size in BATCHES:
        for start in range(0, len(rows) - size + 1, size):
            part = slice(start, start + size)
            answer = run(rows[part].astype(np.float32))
            for name, values in expected.items():
                difference = scaled_difference(values[part], answer[name])
                allowed = tolerance * gain if name == "probabilities" else tolerance
                if not difference <= allowed:
                    message = f"The file's {name} differ from the network's by {difference:.1e} (allowed {allowed:g})."
                    raise make_error("export_mismatch", message, remedy="please report it, with the spec")
                worst = max(worst, difference)
    return worst


__all__ = ["FileExportResult", "FileFormat", "export_file"]
