"""The requests that a server sends itself before it takes traffic: `assets.extra/tf_serving_warmup_requests`.

The file is a TFRecord of `PredictionLog` messages (tensorflow_serving/apis/prediction_log.proto).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kresnet.export.protos import Example, PredictionLog
from kresnet.export.request_inputs import string_tensor
from kresnet.export.signature_contract import CLASSIFY_METHOD, PREDICT_METHOD
from kresnet.export.tensor_protos import array_of_proto, proto_of_array

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


@dataclass(frozen=True, slots=True)
class WarmupRequest:
    """A request: the signature, its inputs (strings as an `object` array of `bytes`), and the API.

    A Classify request's only input is `inputs`, serialised tf.Examples.
    """

    model: str
    signature: str
    inputs: dict[str, np.ndarray]
    method: str = PREDICT_METHOD

    def serialize(self) -> bytes:
        """The request as a `PredictionLog`."""
        log = PredictionLog()
        if self.method == CLASSIFY_METHOD:
            request = log.classify_log.request
            request.input.example_list.examples.extend(map(Example.FromString, self.inputs["inputs"]))
        else:
            request = log.predict_log.request
            for name, array in self.inputs.items():
                request.inputs[name].CopyFrom(proto_of_array(array))
        request.model_spec.name, request.model_spec.signature_name = self.model, self.signature
        return log.SerializeToString(deterministic=True)

    @classmethod
    def parse(cls, data: bytes) -> WarmupRequest:
        """The request of a `PredictionLog`; one without inputs where it is neither Predict's nor Classify's."""
        log = PredictionLog.FromString(data)
        if log.HasField("classify_log"):
            request, method = log.classify_log.request, CLASSIFY_METHOD
            examples = request.input.example_list.examples
            inputs = {"inputs": string_tensor(*(one.SerializeToString(deterministic=True) for one in examples))}
        else:
            request, method = log.predict_log.request, PREDICT_METHOD
            inputs = {name: array_of_proto(proto, sys.maxsize) for name, proto in request.inputs.items()}
        return cls(request.model_spec.name, request.model_spec.signature_name, inputs, method)


def write_warmup_requests(path: Path, requests: Iterable[WarmupRequest]) -> None:
    """Write the warm-up file."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request.serialize())


def read_warmup_requests(path: Path) -> Iterator[WarmupRequest]:
    """The requests of a warm-up file.

    A record is its length (uint64), a checksum of that (4 bytes), the data, and a checksum of the data; the file's
    digest in the manifest makes reading the checksums needless.
    """
    with path.open("rb") as file:
        while header := file.read(12):
            (length,) = struct.unpack("<Q", header[:8])
            yield WarmupRequest.parse(file.read(length))
            file.read(4)
