import os
import signal
import threading

import pytest

from kresnet.training.loop.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_told_and_the_handlers_of_before_come_back(number):
    before, told = signal.getsignal(number), []
    with StopSignals(told.append) as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
    assert number.name in told[0]
    assert signal.getsignal(number) is before


def test_a_second_sigint_interrupts_at_once():
    with StopSignals(lambda _: None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_thread_cannot_listen_and_goes_without():
    done = []

    def train():
        with StopSignals(lambda _: None) as stop:
            done.append(stop.requested)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert done == [False]
