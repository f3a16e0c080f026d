"""Arrangements of axes: products computed by NumPy in PyTorch's order equal those of TensorFlow in ours."""

import numpy as np
import tensorflow as tf

from kresnet.plan import Parameter
from kresnet.weights.files.tensor import expected_shapes, to_parameter

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def parameter(*shape: int, name: str = "kernel") -> Parameter:
    return Parameter(name, shape, True)


def test_a_convolution_computes_the_same_in_our_arrangement():
    kernel, image = normal(5, 3, 2, 2), normal(3, 2, 2)  # PyTorch's (O, I, h, w) and (I, H, W)
    theirs = np.einsum("oihw,ihw->o", kernel, image)
    wanted = parameter(2, 2, 3, 5)
    assert expected_shapes(wanted, "pytorch") == (kernel.shape,)
    ours = to_parameter(kernel, wanted, "pytorch", ())
    found = tf.nn.conv2d(image.transpose(1, 2, 0)[None], ours, 1, "VALID")
    np.testing.assert_allclose(np.ravel(found), theirs, rtol=1e-5)


def test_a_dense_layer_computes_the_same_as_a_matrix_or_a_1x1_convolution():
    kernel, vector = normal(4, 6), normal(6)
    wanted = parameter(6, 4)
    for theirs in (kernel, kernel[:, :, None, None]):
        assert theirs.shape in expected_shapes(wanted, "pytorch")
        ours = to_parameter(theirs, wanted, "pytorch", ())
        np.testing.assert_allclose(tf.linalg.matvec(ours, vector, transpose_a=True), kernel @ vector, rtol=1e-5)


def test_a_dense_layer_behind_a_flattened_map_computes_the_same():
    features, kernel = normal(2, 3, 4), normal(5, 24)  # (C, H, W), which PyTorch flattens as it is
    ours = to_parameter(kernel, parameter(24, 5), "pytorch", (3, 4, 2))
    flat = features.transpose(1, 2, 0).reshape(-1)
    np.testing.assert_allclose(flat @ ours, kernel @ features.reshape(-1), rtol=1e-5)


def test_what_is_no_kernel_or_comes_from_keras_stays_as_it_is_and_becomes_float32():
    gamma, kernel = normal(4), normal(2, 2, 3, 5).astype(np.float16)
    np.testing.assert_array_equal(to_parameter(gamma, parameter(4, name="gamma"), "pytorch", ()), gamma)
    ours = to_parameter(kernel, parameter(2, 2, 3, 5), "keras", ())
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, kernel)
    assert expected_shapes(parameter(2, 2, 3, 5), "keras") == (kernel.shape,)
