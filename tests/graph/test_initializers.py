"""Drawn kernels against Keras's own initializers: moments, bounds, fans."""

import keras
import numpy as np
import pytest

from kresnet.graph.initializers import make_initializer

SHAPE = (3, 3, 64, 128)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal"])
def test_moments_are_those_of_keras(name):
    ours = np.asarray(make_initializer(name, seed=1)(SHAPE))
    theirs = np.asarray(keras.initializers.get({"class_name": name, "config": {"seed": 1}})(SHAPE))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.mean(), 0.0, atol=4 * theirs.std() / np.sqrt(ours.size))
    for power in (2, 4):
        np.testing.assert_allclose((ours**power).mean(), (theirs**power).mean(), rtol=0.03)
    np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.01)


def test_fan_out_is_pytorchs_untruncated_form():
    kernel = np.asarray(make_initializer("he_normal_fan_out", seed=1)(SHAPE))
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / (9 * 128)), rtol=0.02)
    assert np.abs(kernel).max() > 3.5 * kernel.std()


def test_a_seed_gives_one_kernel_and_another_seed_another():
    first, again, other = (np.asarray(make_initializer("he_normal", seed)(SHAPE)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_dense_kernel_and_a_grouped_one_have_their_fans():
    dense = np.asarray(make_initializer("lecun_normal", seed=0)((400, 300)))
    np.testing.assert_allclose(dense.std(), np.sqrt(1 / 400), rtol=0.02)
    grouped = np.asarray(make_initializer("he_normal", seed=0)((3, 3, 4, 512)))
    np.testing.assert_allclose(grouped.std(), np.sqrt(2 / 36), rtol=0.02)


def test_it_survives_serialisation():
    initializer = make_initializer("he_normal", seed=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(initializer))
    np.testing.assert_array_equal(np.asarray(initializer((4, 5))), np.asarray(again((4, 5))))
