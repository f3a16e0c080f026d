"""Messages and arrays, against TensorFlow's own conversion."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.export.capi import RuntimeFailure
from kresnet.export.protos import TensorProto
from kresnet.export.tensor_protos import array_of_proto, proto_of_array

ARRAYS = [
    np.array([[1.5, -2], [0, np.inf]], np.float32),
    np.array([0.1, 1e300]),
    np.array(-7, np.int32),
    np.array([2**62], np.int64),
    np.array([0, 255], np.uint8),
    np.array([True, False]),
    np.array([b"a", b"\xff\x00"], object),
    np.zeros((0, 3), np.float32),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_tensorflow_reads_and_writes_the_same(array: np.ndarray) -> None:
    read = tf.make_ndarray(proto_of_array(array))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    packed = TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())
    np.testing.assert_array_equal(array_of_proto(packed, 1000), array)


def test_a_declared_shape_is_not_believed() -> None:
    proto = proto_of_array(np.zeros(1, np.float32))
    proto.tensor_shape.dim[0].size = 2**40
    with pytest.raises(RuntimeFailure, match="over 1000 bytes") as caught:
        array_of_proto(proto, 1000)
    assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(RuntimeFailure, match="DT_HALF are not taken"):
        array_of_proto(TensorProto.FromString(tf.make_tensor_proto(np.zeros(1, np.float16)).SerializeToString()), 1000)
