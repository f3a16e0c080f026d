import threading

import pytest

from kresnet.runs.background_writer import BackgroundWriter


def test_training_goes_on_while_a_task_runs_and_waits_before_the_next():
    writer, order, let_go = BackgroundWriter(), [], threading.Event()

    def first():
        let_go.wait(10)
        order.append("written")

    writer.start(first)
    order.append("training")
    let_go.set()
    writer.start(lambda: order.append("again"))
    writer.wait()
    writer.close()
    assert order == ["training", "written", "again"]


def test_what_goes_wrong_in_the_thread_is_raised_by_the_next_call_once():
    writer = BackgroundWriter()
    writer.start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writer.start(lambda: None)
    writer.wait()
    writer.start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writer.wait()
    writer.close()
