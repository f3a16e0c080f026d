"""What training leaves as it was in the process that it runs in."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

import kresnet
from kresnet.api.process_state import training_scope


def test_tensorflow_is_not_heard_on_compiling_every_run_anew(caplog):
    def compile_often(function):
        for _ in range(8):
            tf.function(function)(tf.constant(1))

    with training_scope():
        compile_often(lambda x: x + 1)
    assert not caplog.records
    compile_often(lambda x: x + 2)
    assert "retracing" in caplog.text


def test_random_numbers_go_on_as_if_nothing_had_been_trained():
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(1)
    with training_scope():
        random.seed(7)
        np.random.seed(7)
        tf.config.experimental.enable_op_determinism()
    assert [random.random(), np.random.random()] == expected
    assert not is_op_determinism_enabled()


def test_an_interrupted_run_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt) as caught, training_scope():
        raise kresnet.KresnetError(kresnet.Problem("interrupted", "Stopped."))
    assert isinstance(caught.value.__cause__, kresnet.KresnetError)
