"""The throughput of a run, and how long its steps wait for data."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from kresnet.training.loop.throughput import Throughput
from kresnet.training.step.engine import Engine
from tests.training.step.test_trainer import IMAGES, LABELS, trainer

SLEEP, STEPS = 0.05, 8


def test_the_call_that_compiles_counts_only_where_there_is_no_other() -> None:
    throughput = Throughput()
    throughput.add(10.0, 100, 1.0)
    assert throughput.figures() == {"images_per_second": 10.0, "input_wait": 0.1}
    throughput.add(1.0, 100, 0.5)
    throughput.add(3.0, 100, 0.5)
    assert throughput.figures() == {"images_per_second": 50.0, "input_wait": 0.25}
    throughput.reset()
    throughput.add(2.0, 100, 0.0)
    assert throughput.figures() == {"images_per_second": 50.0, "input_wait": 0.0}


def test_an_epoch_that_another_process_began_has_the_throughput_of_both() -> None:
    before, after = Throughput(), Throughput()
    before.add(10.0, 100, 1.0)
    after.restore(json.loads(json.dumps(before.sums())))
    assert after.figures() == {"images_per_second": 10.0, "input_wait": 0.1}
    before.add(2.0, 100, 0.5)
    after.restore(before.sums())
    after.add(10.0, 100, 1.0)  # which compiles
    assert after.figures() == {"images_per_second": 50.0, "input_wait": 0.25}
    after.add(2.0, 300, 0.5)
    assert after.figures() == {"images_per_second": 100.0, "input_wait": 0.25}
    after.reset()
    assert after.figures()["images_per_second"] == 10.0


@pytest.mark.parametrize("slow", [False, True])
def test_an_engine_knows_how_long_its_steps_waited_for_data(slow: bool) -> None:
    def late(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def sleep(values: np.ndarray) -> np.ndarray:
            time.sleep(SLEEP)
            return values

        return tf.ensure_shape(tf.numpy_function(sleep, [images], tf.uint8), images.shape), labels

    batches = tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat()
    engine = Engine(trainer(), tf.distribute.get_strategy())
    began = time.perf_counter()
    engine.train(engine.distribute(batches.map(late) if slow else batches), STEPS)
    elapsed = time.perf_counter() - began
    waited = engine.seconds_waited()
    # Some of the sleep may pass while a step is under way, or before the first.
    assert (0.5 * STEPS * SLEEP if slow else 0.0) <= waited <= elapsed
    assert engine.seconds_waited() == 0.0


def test_a_single_thread_does_not_take_its_own_work_for_waiting() -> None:
    script = """
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
import time
from kresnet.training.step.engine import Engine
from tests.training.step.test_trainer import IMAGES, LABELS, trainer
engine = Engine(trainer(), tf.distribute.get_strategy())
large = tf.repeat(IMAGES, 4096, axis=0), tf.repeat(LABELS, 4096, axis=0)
batches = engine.distribute(tf.data.Dataset.from_tensors(large).repeat().prefetch(2))
engine.train(batches, 1)
engine.steps_taken(), engine.seconds_waited()
began = time.perf_counter()
engine.train(batches, 8)
print(engine.steps_taken(), engine.seconds_waited() / (time.perf_counter() - began))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    steps, share = done.stdout.split()
    assert int(steps) == 8
    assert float(share) < 0.5
