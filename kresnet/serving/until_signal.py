"""Run a server until Ctrl-C or SIGTERM, and end it as it wants to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

_Running = TypeVar("_Running")


def serve_until_signal(
    server: AbstractAsyncContextManager[_Running], started: Callable[[_Running], Awaitable[None]]
) -> None:
    """Run a server until SIGINT or SIGTERM; one that comes while it starts is heeded once it has.

    Args:
        server: context in which the server takes requests, entered and left in an event loop of its own.
        started: called with what the context gives once requests are taken.

    Raises:
        KresnetError: what entering the context raises.
    """
    asyncio.run(_serve(server, started))


async def _serve(server: AbstractAsyncContextManager[_Running], started: Callable[[_Running], Awaitable[None]]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with server as running:
        await started(running)
        await stopping.wait()


__all__ = ["serve_until_signal"]
