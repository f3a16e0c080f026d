"""Functions of TensorFlow operations: applied to every element of a data set, and traced once for many graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import tensorflow as tf


def trace_once(function: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function of one scalar string that is traced once a process; every graph that uses it calls that trace.

    What is done with the bytes of an image file takes hundreds of operations, which many a graph holds: of training, of
    evaluation, of each signature of an export.
    """
    traced = tf.function(function, input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
    return cast(Callable[[tf.Tensor], tf.Tensor], functools.wraps(function)(traced))


def map_graph(data: tf.data.Dataset, function: Callable[..., Any], parallel: int | None = None) -> tf.data.Dataset:
    """Return the data set of what a function makes of each element, in order.

    The function is traced as it is written, without AutoGraph, which would convert Python's source for seconds: it may
    branch by `tf.cond`, not by `if`, on what is known in the graph only.

    Args:
        data: the elements.
        function: made of TensorFlow operations.
        parallel: how many elements are worked on at once; one by default.
    """
    unconverted = tf.autograph.experimental.do_not_convert(function)
    if parallel is None:
        return data.map(unconverted)
    return data.map(unconverted, num_parallel_calls=parallel, deterministic=True)
