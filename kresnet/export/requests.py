"""Rows in the form that a signature takes them: floats, image files, or serialised tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kresnet.export.contract import Signature
from kresnet.export.protos import Example
from kresnet.export.reference_outputs import ReferenceOutputs


def request(
    name: str, signature: Signature, golden: ReferenceOutputs, order: Sequence[int] | np.ndarray
) -> dict[str, np.ndarray]:
    """The request that sends the golden rows of `order` to the signature `name`."""
    input_name, tensor = signature.input
    if tensor.dtype != "string":
        return {input_name: golden.rows[np.asarray(order)].astype(np.float32)}
    values = [golden.encoded[index] for index in order] if golden.encoded else [golden.rows[index] for index in order]
    if name == "classify":
        values = [example(value) for value in values]
    return {input_name: strings(*values)}


def example(value: bytes | np.ndarray) -> bytes:
    """A serialised tf.Example of an image file (feature `image_bytes`), or of a vector (feature `vector`)."""
    message = Example()
    if isinstance(value, bytes):
        message.features.feature["image_bytes"].bytes_list.value.append(value)
    else:
        message.features.feature["vector"].float_list.value.extend(value.tolist())
    return message.SerializeToString(deterministic=True)


def strings(*values: bytes) -> np.ndarray:
    """A string tensor (N,)."""
    return np.array(values, object)


__all__ = ["example", "request", "strings"]
