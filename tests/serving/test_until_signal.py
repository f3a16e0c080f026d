"""A server ends at a signal, however early it comes, and cleans up."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest

from kresnet.serving.until_signal import serve_until_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("early", [True, False], ids=["while it starts", "while it runs"])
def test_a_server_runs_until_a_signal_and_cleans_up(number, early):
    told = []

    @asynccontextmanager
    async def server():
        if early:
            signal.raise_signal(number)
        yield "address"
        told.append("left")

    async def started(running):
        told.append(running)
        if not early:
            asyncio.get_running_loop().call_later(0.01, signal.raise_signal, number)

    before = signal.getsignal(number)
    serve_until_signal(server(), started)
    assert told == ["address", "left"]
    assert signal.getsignal(number) is before


def test_what_keeps_a_server_from_starting_is_raised():
    @asynccontextmanager
    async def server():
        raise OSError("the port is taken")
        yield

    with pytest.raises(OSError, match="is taken"):
        serve_until_signal(server(), pytest.fail)
