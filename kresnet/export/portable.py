"""Exports for other runtimes, TensorFlow Lite and ONNX, by the libraries that write them; each run before it is kept.

Beside FILE stands FILE.json: what it takes and gives, the class names, the resolved spec, and how far its answers are
from the trained network's.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.export.contract import Fold, WeightType, request_shape, require_names
from kresnet.export.reference_outputs import difference, reference_inputs, reference_outputs
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.served_network import ServedNetwork, served_network
from kresnet.files import refuse_existing, staged_file, write_json
from kresnet.plan import Plan, make_plan
from kresnet.runtime import require_extra
from kresnet.spec.architecture import Classifier, Spec
from kresnet.version import __version__

Portable = Literal["tflite", "onnx"]

#: Largest difference of a file's answers from the network's in Keras, over the larger of 1 and their magnitude:
#: another runtime adds up in another order. Kernels of float16 keep 11 binary digits.
TOLERANCES: dict[WeightType, float] = {"float32": 1e-4, "float16": 1e-2}
BATCHES = (1, 3)

#: The newest operators that onnxruntime has known since 2022.
OPSET = 17

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class PortableResult:
    """A written file, the runtime that ran it, and the largest difference of its answers from the network's."""

    path: Path
    runtime: str
    largest_difference: float

    def as_dict(self) -> dict[str, Any]:
        return {"path": str(self.path), "runtime": self.runtime, "largest_difference": self.largest_difference}

    def lines(self) -> list[str]:
        """The outcome for a human."""
        worst = f"largest difference {self.largest_difference:.1e}"
        return [f"{self.path}: {self.runtime} answers as the network does; {worst}"]


def export_portable(
    model: keras.Model,
    spec: Spec,
    class_names: Sequence[str],
    path: Path,
    kind: Portable,
    *,
    plan: Plan | None = None,
    fold: Fold = "auto",
    weights: WeightType = "float32",
    inputs: SampleInputs | None = None,
    origin: Mapping[str, Any] | None = None,
) -> PortableResult:
    """Write `path` and its JSON, once the runtime it is for has answered as the network does.

    The file takes what `serving_default` takes, any number of rows, and gives a classifier's `logits` and
    `probabilities`, or the network's own outputs.

    Args:
        model: the trained network, built from `spec`.
        spec: its spec.
        class_names: in order; empty where the head is not a classifier.
        path: of the new file.
        kind: `tflite` or `onnx`; the latter needs `pip install 'kresnet[onnx]'`.
        plan: the plan of `spec`, where it has been made.
        fold: as for `kresnet.export.served_network.served_network`.
        weights: float32, or float16 for TensorFlow Lite.
        inputs: real inputs to compare on; random ones by default.
        origin: what the JSON shall say of where `model` comes from.

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
    require_names(spec, class_names)
    inputs = inputs or SampleInputs()
    rows = reference_inputs(spec, inputs.images).rows
    network, changes = served_network(model, plan or make_plan(spec), rows, fold=fold)
    function = _function(network, spec)
    with staged_file(path) as staged:
        path.parent.mkdir(parents=True, exist_ok=True)
        write = _write_tflite if kind == "tflite" else _write_onnx
        runtime, run = write(staged, function, spec, weights)
        expected = reference_outputs(network.answers(rows), spec)
        worst = _compare(
            run, {name: expected[name] for name in expected if name != "features"}, rows, TOLERANCES[weights]
        )
    write_json(
        about,
        {
            "file": path.name,
            "name": spec.name,
            "input": {"name": _input(spec).name, "dtype": "float32", "shape": request_shape(spec)},
            "class_names": list(class_names),
            "weights": weights,
            "changes": [change.as_dict() for change in changes],
            "verified": {"runtime": runtime, "rows": inputs.source, "batches": BATCHES, "largest_difference": worst},
            "made_with": {"kresnet": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
            "origin": dict(origin or {}),
            "spec": spec.document(),
        },
    )
    return PortableResult(path, runtime, worst)


def _input(spec: Spec) -> tf.TensorSpec:
    return tf.TensorSpec(request_shape(spec), tf.float32, "image" if spec.input.is_image else "vector")


def _function(network: ServedNetwork, spec: Spec) -> Any:
    """The network as a TensorFlow function of one tensor, its outputs by name."""

    def answer(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(network.function(rows))
        if isinstance(spec.head, Classifier):
            scale = tf.sigmoid if spec.head.multi_label else tf.nn.softmax
            outputs = {"logits": outputs["logits"], "probabilities": scale(outputs["logits"])}
        return {name: tf.identity(value, name) for name, value in outputs.items()}

    return tf.function(answer, input_signature=[_input(spec)], autograph=False)


Run = Callable[[np.ndarray], Arrays]


def _write_tflite(path: Path, function: Any, spec: Spec, weights: WeightType) -> tuple[str, Run]:
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
    runner = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    name = _input(spec).name
    return f"TensorFlow Lite of TensorFlow {tf.__version__}", lambda rows: runner(**{name: rows})


def _write_onnx(path: Path, function: Any, spec: Spec, _weights: WeightType) -> tuple[str, Run]:
    import onnxruntime
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(function, input_signature=[_input(spec)], opset=OPSET)
    model.metadata_props.add(key="spec", value=json.dumps(spec.document()))
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(rows: np.ndarray) -> Arrays:
        return dict(zip(names, session.run(names, {_input(spec).name: rows}), strict=True))

    return f"onnxruntime {onnxruntime.__version__}", run


def _compare(run: Run, expected: Arrays, rows: np.ndarray, tolerance: float) -> float:
    """The largest difference of a runtime's answers from the expected ones, in batches of several sizes."""
    worst = 0.0
    for size in BATCHES:
        for start in range(0, len(rows) - size + 1, size):
            part = slice(start, start + size)
            answer = run(rows[part].astype(np.float32))
            for name, values in expected.items():
                apart = difference(values[part], answer[name])
                if not apart <= tolerance:
                    message = f"The file's {name} differ from the network's by {apart:.1e} (allowed {tolerance})."
                    raise make_error("export_mismatch", message, remedy="please report it, with the spec")
                worst = max(worst, apart)
    return worst


__all__ = ["Portable", "PortableResult", "export_portable"]
