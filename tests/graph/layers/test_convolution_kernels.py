"""Every way to compute a convolution's passes gives what TensorFlow's own kernel gives, within the type's rounding."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kresnet.graph.layers.convolution import stock_convolution
from kresnet.graph.layers.convolution_kernels import Window, can_choose, convolution_pass, convolve
from kresnet.plan.convolutions import PASSES, KernelChoice

#: Error over the largest value; bfloat16 has 8 bits.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "bfloat16": 2e-2}


def tensors(shape, filters, kernel, groups, dtype, seed=0):
    random = np.random.default_rng(seed)
    x = tf.constant(random.normal(size=shape), dtype)
    return x, tf.constant(random.normal(size=(kernel, kernel, shape[-1] // groups, filters)), dtype)


def require_close(found, exact, dtype):
    assert found.dtype == dtype
    assert found.shape == exact.shape
    found, exact = (tf.cast(each, tf.float64).numpy() for each in (found, exact))
    assert np.abs(found - exact).max() <= TOLERANCE[dtype] * np.abs(exact).max()


def require_all_ways_equal(shape, filters, kernel, stride, padding, dilation, groups, dtype):
    """Compare every way of every pass with TensorFlow's own kernel on the same numbers in float64."""
    x, weights = tensors(shape, filters, kernel, groups, dtype)
    square = (kernel, kernel), (stride, stride), padding, (dilation, dilation)
    window = Window.of(x, *square, groups)
    stock = partial(stock_convolution, groups=groups, how=(*square[1:3], "channels_last", square[3]))
    y = stock(x, weights)
    gradient = tf.constant(np.random.default_rng(1).normal(size=y.shape), dtype)
    for name, ways in PASSES.items():
        given_to = (x, weights) if name == "forward" else (x, weights, gradient)
        exact = convolution_pass(name, "stock", tuple(tf.cast(each, "float64") for each in given_to), stock, window)
        for way in ways[1 if dtype == "bfloat16" else 0 :]:  # stock adds up in bfloat16 where there is no AVX-512
            if can_choose(name, way, stride=stride, kernel=kernel, groups=groups):
                require_close(convolution_pass(name, way, given_to, stock, window), exact, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [(1, 1, "same", 1, 1), (3, 1, "same", 1, 1), (3, 2, "same", 1, 1), (3, 2, "valid", 1, 1), (3, 1, "same", 2, 1),
     (3, 1, "valid", 2, 1), (2, 1, "same", 1, 1), (7, 2, "same", 1, 1), (1, 1, "same", 1, 3), (3, 1, "same", 1, 3),
     (3, 2, "same", 1, 6), (2, 3, "valid", 1, 1)],
)  # fmt: skip
def test_every_way_of_every_pass_is_the_stock_kernels(kernel, stride, padding, dilation, groups, dtype):
    require_all_ways_equal((2, 9, 8, 6), 12, kernel, stride, padding, dilation, groups, dtype)


@settings(max_examples=12, deadline=None)
@given(
    images=st.integers(1, 3),
    sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
    groups=st.integers(1, 3),
)
def test_so_it_is_for_any_shape(images, sides, channels, filters, kernel, stride, padding, groups):
    sides = tuple(max(side, kernel) for side in sides)
    shape = (images, *sides, channels * groups)
    require_all_ways_equal(shape, filters * groups, kernel, stride, padding, 1, groups, "float32")


@pytest.mark.parametrize("compiled", [None, False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_of_chosen_passes_has_the_stock_gradients(groups, compiled):
    """In Python, as a graph, and compiled by XLA; with a batch whose size the graph does not know."""
    x, weights = tensors((2, 5, 6, 4), 4, 3, groups, "float32")
    # XLA has no gradient of TensorFlow's grouped kernel here, and needs none: no pass of these is stock.
    way = "transposed" if groups == 1 else "products"
    window = Window.of(x, (3, 3), (1, 1), "same", (1, 1), groups)
    stock = partial(stock_convolution, groups=groups, how=((1, 1), "same", "channels_last", (1, 1)))
    choice = KernelChoice("products", way, way)

    def gradients(x, function):
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            y = function(x, weights)
            loss = tf.reduce_sum(y**2)
        return [y, *tape.gradient(loss, [x, weights])]

    exact = gradients(x, stock)
    chosen = partial(gradients, function=lambda x, kernel: convolve(x, kernel, stock, choice, window))
    if compiled is not None:
        signature = [tf.TensorSpec(((None if not compiled else 2), 5, 6, 4))]
        chosen = tf.function(chosen, signature, jit_compile=compiled, autograph=False)
    for found, one in zip(chosen(x), exact, strict=True):
        require_close(found, one, "float32")


def test_what_has_gaps_or_groups_is_refused():
    assert not can_choose("by_input", "products", stride=2, kernel=3, groups=1)
    assert not can_choose("by_weights", "transposed", stride=1, kernel=3, groups=2)
    assert can_choose("by_weights", "transposed", stride=2, kernel=3, groups=1)
    assert can_choose("by_input", "stock", stride=2, kernel=3, groups=2)
