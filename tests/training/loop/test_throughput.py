"""The throughput of a run, and how long its steps wait for data."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
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


def test_an_engine_knows_how_long_its_steps_waited_for_data() -> None:
    def late(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def sleep(values: np.ndarray) -> np.ndarray:
            time.sleep(SLEEP)
            return values

        return tf.ensure_shape(tf.numpy_function(sleep, [images], tf.uint8), images.shape), labels

    engine = Engine(trainer(), tf.distribute.get_strategy())
    began = time.perf_counter()
    engine.train(engine.distribute(tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat().map(late)), STEPS)
    elapsed = time.perf_counter() - began
    assert 0.0 < engine.seconds_waited() <= elapsed
    assert engine.seconds_waited() == 0.0


def test_a_single_thread_reads_both_clocks_before_the_step() -> None:
    """Else its own work would be taken for waiting."""
    script = """
import numpy as np
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
from kresnet.training.step import engine as engine_module
from tests.training.step.test_trainer import IMAGES, LABELS, trainer
events = []
def note(name, value):
    events.append(name)
    return value
def read_clock():
    return tf.numpy_function(lambda: note("clock", np.float64(0)), [], tf.float64)
engine_module._read_clock = read_clock
trainer = trainer()
step = trainer.train_step
def noted_step(batch, live):
    images, *others = batch
    seen = tf.numpy_function(lambda images: note("step", images), [images], images.dtype)
    return step((tf.ensure_shape(seen, images.shape), *others), live)
trainer.train_step = noted_step
engine = engine_module.Engine(trainer, tf.distribute.get_strategy())
engine.train(engine.distribute(tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat().prefetch(2)), 8)
print(" ".join(events))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["clock", "clock", "step"] * 8
