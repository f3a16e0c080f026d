"""The reference inputs in the form that a signature takes them: floats, image files, or serialised tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kresnet.export.protos import Example
from kresnet.export.reference_outputs import ReferenceOutputs
from kresnet.export.signature_contract import Signature


def request_inputs(
    name: str, signature: Signature, reference: ReferenceOutputs, order: Sequence[int] | np.ndarray
) -> dict[str, np.ndarray]:
    """Return the inputs of a request that sends the reference inputs of the indices `order` to the signature `name`."""
    input_name, tensor = signature.input
    if tensor.dtype != "string":
        return {input_name: reference.rows[np.asarray(order)].astype(np.float32)}
    values = (
        [reference.encoded[index] for index in order]
        if reference.encoded
        else [reference.rows[index] for index in order]
    )
    if name == "classify":
        values = [serialize_example(value) for value in values]
    return {input_name: string_tensor(*values)}


def serialize_example(value: bytes | np.ndarray) -> bytes:
    """Return a serialised tf.Example of an image file (feature `image_bytes`), or of a vector (feature `vector`)."""
    message = Example()
    if isinstance(value, bytes):
        message.features.feature["image_bytes"].bytes_list.value.append(value)
    else:
        message.features.feature["vector"].float_list.value.extend(value.tolist())
    return message.SerializeToString(deterministic=True)


def string_tensor(*values: bytes) -> np.ndarray:
    """Return a string tensor `(N,)`."""
    return np.array(values, object)


__all__ = ["request_inputs", "serialize_example", "string_tensor"]
