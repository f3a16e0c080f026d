"""Functions of TensorFlow operations, applied to every element of a data set."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kresnet.data.graph_mapping import map_graph


@pytest.mark.parametrize("parallel", [None, 1, 4])
def test_every_element_is_mapped_in_order(parallel):
    squares = map_graph(tf.data.Dataset.range(50), lambda number: number * number, parallel)
    assert [int(square) for square in squares] == [number * number for number in range(50)]


def test_the_source_is_not_converted():
    def branches(number: tf.Tensor) -> tf.Tensor:
        return number if number > 2 else -number

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        map_graph(tf.data.Dataset.range(5), branches)
