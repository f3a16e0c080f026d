"""The float network written as TensorFlow Lite, by TensorFlow's converter, and as ONNX, by tf2onnx and onnxslim."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.errors import KresnetError, make_error
from kresnet.export.edge.quantization import SIGNATURE, row_batches
from kresnet.export.served_network import ServedNetwork
from kresnet.export.signature_contract import input_batch_shape
from kresnet.export.signature_functions import scale_logits
from kresnet.graph.layers.convolution import groups_as_one
from kresnet.runtime import stderr_held
from kresnet.spec.architecture import Classifier, Spec

#: The newest operators that ONNX Runtime has known since 2022.
OPSET = 17


def input_tensor(spec: Spec) -> tf.TensorSpec:
    """Return the input of a float file."""
    return tf.TensorSpec(input_batch_shape(spec), tf.float32, "image" if spec.input.is_image else "vector")


def make_function(
    network: ServedNetwork, spec: Spec, temperatures: Sequence[float] | None = None, *, logits: bool = True
) -> Any:
    """Return the network as a TensorFlow function of one tensor, with its outputs by name.

    Args:
        network: the network.
        spec: spec of the network.
        temperatures: what the logits are divided by before they become probabilities; None to take them as they are.
        logits: whether a classifier gives its logits beside its probabilities.
    """

    def answer(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(network.function(rows))
        if isinstance(spec.head, Classifier):
            scale = tf.sigmoid if spec.head.multi_label else tf.nn.softmax
            probabilities = scale(scale_logits(outputs["logits"], temperatures))
            outputs = ({"logits": outputs["logits"]} if logits else {}) | {"probabilities": probabilities}
        return {name: tf.identity(value, name) for name, value in outputs.items()}

    return tf.function(answer, input_signature=[input_tensor(spec)], autograph=False)


def write_tflite(function: Any, *, half: bool = False) -> bytes:
    """Return a function as a TensorFlow Lite file of floats.

    Args:
        function: what `make_function` returned.
        half: store weights in float16.

    Raises:
        KresnetError: `not_servable` where TensorFlow Lite lacks an operation.
    """
    module = tf.Module()
    module.answer = function
    module.held = list(function.get_concrete_function().variables)
    with tempfile.TemporaryDirectory() as folder, stderr_held():
        tf.saved_model.save(module, folder, signatures={SIGNATURE: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            return bytes(converter.convert())
        except Exception as error:  # the converter has an exception of its own, which it does not export
            raise _not_convertible_error(str(error)) from None


def _not_convertible_error(text: str) -> KresnetError:
    found = re.search(r"(?:Flex|Custom) ops: ([^\n]+)", text)
    operations = found.group(1).strip() if found else text.strip().splitlines()[0] if text.strip() else "no message"
    message = f"TensorFlow Lite has no operation for a part of the network: {operations}."
    return make_error("not_servable", message, remedy="--format onnx, or the SavedModel")


def write_onnx(path: Path, function: Any, spec: Spec) -> None:
    """Write a function as an ONNX file of floats, simplified."""
    import onnx
    import onnxslim
    import tf2onnx

    with groups_as_one():  # one node a layer: a RegNetZ has hundreds of groups, and took minutes group by group
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=[input_tensor(spec)], opset=OPSET, custom_op_handlers={"Erfc": (_write_erfc, [])}
        )
    model = onnxslim.slim(model)
    _keep_zeros_before_maxima(model.graph)
    model.metadata_props.add(key="spec", value=json.dumps(spec.document()))
    onnx.save(model, str(path))


def _write_erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Write the complement of the error function, of which GELU is made and which ONNX lacks, as one minus that."""
    [source], [target] = node.input, node.output
    shapes, types = [graph.get_shape(target)], [graph.get_dtype(target)]
    graph.remove_node(node.name)
    one = graph.make_const(f"{name}_one", np.array(1.0, np.float32)).output[0]
    error = graph.make_node("Erf", [source], name=f"{name}_erf", shapes=shapes, dtypes=types).output[0]
    graph.make_node("Sub", [one, error], outputs=[target], name=name, shapes=shapes, dtypes=types)


def _keep_zeros_before_maxima(graph: Any) -> None:
    """Pad maps whose maximum is taken with the least number beside zero, since zeros are not kept.

    ONNX Runtime joins a pad of zeros with the maximum behind it (microsoft/onnxruntime#18136), which pads with the
    lowest number: where all that a window sees is negative, the maximum is another. Pads of other values it leaves.
    """
    from onnx import numpy_helper

    pooled = {node.input[0] for node in graph.node if node.op_type == "MaxPool"}
    pads = [node for node in graph.node if node.op_type == "Pad" and node.output[0] in pooled]
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for number, pad in enumerate(pads):
        given = values.get(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros((), np.float32)
        if given is None or given.any():
            continue
        name = f"least_number_{number}"
        graph.initializer.append(numpy_helper.from_array(np.array(np.finfo(np.float32).tiny, np.float32), name))
        inputs = [*pad.input[:2], name, *pad.input[3:]]
        del pad.input[:]
        pad.input.extend(inputs)


def write_openvino(onnx_file: Path, path: Path, *, half: bool = False) -> None:
    """Write OpenVINO's form of an ONNX file, `path` with its weights beside it in a file of the suffix `.bin`.

    Args:
        onnx_file: the file, of floats or integers.
        path: the `.xml` file.
        half: store weights in float16.
    """
    import openvino

    openvino.save_model(openvino.convert_model(str(onnx_file)), str(path), compress_to_fp16=half)


def quantize_onnx(path: Path, quantized: Path, rows: np.ndarray, spec: Spec) -> None:
    """Write an ONNX file of integers, by ONNX Runtime's static quantisation: int8, weights a channel at a time.

    Ends stay float32, and so does what makes probabilities of logits.

    Args:
        path: the float file.
        quantized: the file to write.
        rows: the inputs to calibrate on.
        spec: spec of the network.
    """
    import logging

    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = row_batches(rows)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {input_tensor(spec).name: batch}

    last = [node.name for node in onnx.load(str(path)).graph.node if node.op_type in ("Softmax", "Sigmoid")][-1:]
    logging.disable(logging.WARNING)  # that the file could be preprocessed, which onnxslim has done
    try:
        quantize_static(
            str(path), str(quantized), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
            nodes_to_exclude=last if isinstance(spec.head, Classifier) else [],
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)


__all__ = ["OPSET", "input_tensor", "make_function", "quantize_onnx", "write_onnx", "write_openvino", "write_tflite"]
