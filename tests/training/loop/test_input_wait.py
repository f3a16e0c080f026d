"""How long steps wait for data, against steps that are played through and clocks that are set."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.pipeline import prefetch_batches
from kresnet.training.loop import input_wait
from kresnet.training.loop.input_wait import BatchClock, idle_seconds

BATCHES = 5


def run_steps(ready, began, step_seconds):
    """Return when the last of some steps ends, and how long they waited, playing them one after the other."""
    now, idle = began, 0.0
    for at in ready:
        idle += max(0.0, at - now)
        now = max(at, now) + step_seconds
    return now, idle


@pytest.mark.parametrize("batch_seconds", [0.2, 0.9, 1.1, 3.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_idle_time_is_that_of_steps_played_one_after_the_other(batch_seconds, seed):
    random = np.random.default_rng(seed)
    began = 7.0
    ready = began - 2.0 + np.cumsum(random.exponential(batch_seconds, 30))
    ended, idle = run_steps(ready, began, 1.0)
    assert idle_seconds(ready, began, ended) == pytest.approx(idle, abs=1e-9)
    assert idle_seconds(ready[:1], began, run_steps(ready[:1], began, 1.0)[0]) == pytest.approx(
        max(0.0, ready[0] - began)
    )


def test_batches_that_are_in_time_cost_no_waiting_and_late_ones_nearly_all_of_the_time():
    began = 3.0
    for seconds, share in ((0.5, 0.0), (100.0, 0.99)):
        ready = began + seconds * np.arange(1, 201)
        ready -= seconds  # the first one is there
        ended, _ = run_steps(ready, began, 1.0)
        assert idle_seconds(ready, began, ended) / (ended - began) == pytest.approx(share, abs=0.01)


def set_clock(monkeypatch, perf_counter):
    monkeypatch.setattr(input_wait, "time", SimpleNamespace(perf_counter=perf_counter))


def numbered(count=BATCHES):
    return tf.data.Dataset.range(count).map(lambda n: (tf.fill((2, 3), n), tf.fill((2,), n)))


def test_timed_batches_are_the_same_and_each_is_timed_in_turn(monkeypatch):
    events = []
    set_clock(monkeypatch, lambda: events.append("clock") or float(len(events)))

    def made(images, labels):
        def note(labels):
            events.append("made")
            return labels

        return images, tf.ensure_shape(tf.numpy_function(note, [labels], tf.int64, stateful=False), labels.shape)

    clock = BatchClock()
    timed = clock.timed(numbered().map(made), 40)
    assert timed.element_spec == numbered().element_spec
    assert int(timed.cardinality()) == BATCHES
    for batch, expected in zip(timed.take(BATCHES), numbered(), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, expected)
    assert events == ["clock", "made", "clock"] * BATCHES  # at 1 and 3, 4 and 6, and so on
    assert clock.seconds_waited(range(40, 42), 0.0, 10.0, buffered=False) == (3 - 1) + (6 - 4)
    assert clock.seconds_waited(range(43, 45), 11.0, 20.0, buffered=False) == (12 - 11) + (15 - 13)  # one was skipped
    with pytest.raises(KeyError):
        clock.seconds_waited(range(42, 43), 0.0, 20.0, buffered=False)  # forgotten


def test_no_batch_is_made_by_one_thread_for_being_timed():
    """Stateful functions would have TensorFlow run a deterministic pipeline without reading ahead."""
    timed = BatchClock().timed(prefetch_batches(numbered()), 0)
    stateful = {
        node.op
        for function in tf.compat.v1.GraphDef.FromString(graph_of(timed)).library.function
        for node in function.node_def
        if node.op in ("PyFunc", "EagerPyFunc")
    }
    assert not stateful


def graph_of(data):
    return tf.raw_ops.DatasetToGraphV2(input_dataset=data._variant_tensor, external_state_policy=0).numpy()


def test_steps_that_take_batches_ahead_waited_no_longer_than_the_device_was_idle(monkeypatch):
    clock = BatchClock()
    times = iter([0.0, 1.0, 1.0, 3.0, 3.0, 7.0, 7.0])  # of three batches: asked for, there
    set_clock(monkeypatch, lambda: next(times))
    assert len(list(clock.timed(numbered(), 0).take(3))) == 3
    # Steps of 2 s: from 1 to 3, from 3 to 5, from 7 to 9.
    assert clock.seconds_waited(range(3), 0.0, 9.0, buffered=True) == 1.0 + 2.0


def test_a_batch_that_comes_again_keeps_its_time():
    """Several workers repeat their data, so that none asks the others for its end."""
    clock = BatchClock()
    repeated = iter(clock.timed(numbered(2), 0).repeat())
    for _ in range(2):
        next(repeated)
    between = time.perf_counter()
    for _ in range(2):
        next(repeated)
    assert clock.seconds_waited(range(2), 0.0, between, buffered=False) < between


def test_a_late_batch_is_waited_for():
    slow = numbered().map(lambda *batch: tf.nest.map_structure(late, batch))
    clock = BatchClock()
    began = time.perf_counter()
    list(clock.timed(slow, 0))
    ended = time.perf_counter()
    assert BATCHES * SLEEP <= clock.seconds_waited(range(BATCHES), began, ended, buffered=False) <= ended - began


SLEEP = 0.01


def late(values):
    def sleep(values):
        time.sleep(SLEEP)
        return values

    return tf.ensure_shape(tf.numpy_function(sleep, [values], values.dtype, stateful=False), values.shape)
