"""The requests that a server sends itself before it takes traffic: `assets.extra/tf_serving_warmup_requests`.

The file is a TFRecord of `PredictionLog` messages (prediction_log.proto and what it names, in tensorflow_serving/apis).
Only the few fields written here are declared, with Serving's numbers, so that no package of its protos is needed; a
message within a message is, on the wire, its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from kresnet.export.contract import CLASSIFY, PREDICT
from kresnet.export.protos import DataType, TensorProto

FILE = "assets.extra/tf_serving_warmup_requests"

_BYTES, _STRING = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES, descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_ONE, _MANY = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL, descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED

#: message -> field -> (number, type, label)
_FIELDS: dict[str, dict[str, tuple[int, Any, Any]]] = {
    "PredictionLog": {"classify_log": (2, _BYTES, _ONE), "predict_log": (6, _BYTES, _ONE)},
    "ClassifyLog": {"request": (1, _BYTES, _ONE)},
    "ClassificationRequest": {"model_spec": (1, _BYTES, _ONE), "input": (2, _BYTES, _ONE)},
    "Input": {"example_list": (1, _BYTES, _ONE)},
    "ExampleList": {"examples": (1, _BYTES, _MANY)},
    "PredictLog": {"request": (1, _BYTES, _ONE)},
    "PredictRequest": {"model_spec": (1, _BYTES, _ONE), "inputs": (2, _BYTES, _MANY)},
    "ModelSpec": {"name": (1, _STRING, _ONE), "signature_name": (3, _STRING, _ONE)},
    "InputsEntry": {"key": (1, _STRING, _ONE), "value": (2, _BYTES, _ONE)},  # an entry of map<string, TensorProto>
}


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="kresnet/warmup.proto", package="kresnet.warmup", syntax="proto3")
    for message, fields in _FIELDS.items():
        declared = file.message_type.add(name=message)
        for name, (number, kind, label) in fields.items():
            declared.field.add(name=name, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptors = {name: pool.FindMessageTypeByName(f"kresnet.warmup.{name}") for name in _FIELDS}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in descriptors.items()}


_MESSAGES = _message_classes()


@dataclass(frozen=True, slots=True)
class Request:
    """A request: the signature, its inputs (float32, or strings as an `object` array of `bytes`), and the API.

    A Classify request's only input is `inputs`, serialised tf.Examples.
    """

    model: str
    signature: str
    inputs: dict[str, np.ndarray]
    method: str = PREDICT

    def serialized(self) -> bytes:
        """The request as a `PredictionLog`."""
        model = _serialize("ModelSpec", name=self.model, signature_name=self.signature)
        if self.method == CLASSIFY:
            examples = _serialize("ExampleList", examples=list(self.inputs["inputs"]))
            given = _serialize("Input", example_list=examples)
            request = _serialize("ClassificationRequest", model_spec=model, input=given)
            return _serialize("PredictionLog", classify_log=_serialize("ClassifyLog", request=request))
        entries = [
            _serialize("InputsEntry", key=name, value=_tensor(array).SerializeToString())
            for name, array in self.inputs.items()
        ]
        request = _serialize("PredictRequest", model_spec=model, inputs=entries)
        return _serialize("PredictionLog", predict_log=_serialize("PredictLog", request=request))

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """The request of a `PredictionLog` that `serialized` wrote."""
        log = _parse("PredictionLog", data)
        if log.classify_log:
            request = _parse("ClassificationRequest", _parse("ClassifyLog", log.classify_log).request)
            examples = _parse("ExampleList", _parse("Input", request.input).example_list).examples
            inputs, method = {"inputs": np.array(list(examples), object)}, CLASSIFY
        else:
            request = _parse("PredictRequest", _parse("PredictLog", log.predict_log).request)
            entries = (_parse("InputsEntry", entry) for entry in request.inputs)
            inputs = {entry.key: _array(TensorProto.FromString(entry.value)) for entry in entries}
            method = PREDICT
        model = _parse("ModelSpec", request.model_spec)
        return cls(model.name, model.signature_name, inputs, method)


def _parse(message: str, data: bytes) -> Any:
    return _MESSAGES[message].FromString(data)


def _serialize(message: str, **fields: Any) -> bytes:
    return _MESSAGES[message](**fields).SerializeToString(deterministic=True)


def _tensor(array: np.ndarray) -> TensorProto:
    strings = array.dtype == object
    proto = TensorProto(dtype=DataType.DT_STRING if strings else DataType.DT_FLOAT)
    for length in array.shape:
        proto.tensor_shape.dim.add(size=length)
    if strings:
        proto.string_val.extend(array.flat)
    else:
        proto.tensor_content = array.astype("<f4").tobytes()
    return proto


def _array(proto: TensorProto) -> np.ndarray:
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype == DataType.DT_STRING:
        return np.array(list(proto.string_val), object).reshape(shape)
    return np.frombuffer(proto.tensor_content, "<f4").reshape(shape)


def write(path: Path, requests: Iterable[Request]) -> None:
    """Write the warm-up file."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request.serialized())


def read(path: Path) -> Iterator[Request]:
    """The requests of a warm-up file.

    A record is its length (uint64), a checksum of that (4 bytes), the data, and a checksum of the data; the file's
    digest in the manifest makes reading the checksums needless.
    """
    with path.open("rb") as file:
        while header := file.read(12):
            (length,) = struct.unpack("<Q", header[:8])
            yield Request.parse(file.read(length))
            file.read(4)
