"""A page's server in a thread of its own, and requests to it as anybody may send them."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from kresnet.pages.local_server import running_page


@contextmanager
def served(page: web.Application) -> Iterator[str]:
    """Serve a page, as the command does but for the signals; its address."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

    async def serve(stopping: asyncio.Event) -> None:
        async with running_page(page) as address:
            found.append((address, stopping))
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(asyncio.Event())), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield found[0][0]
    loop.call_soon_threadsafe(found[0][1].set)
    thread.join(30)
    loop.close()


def ask(
    address: str, path: str = "", value: Any = None, method: str = "", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Send one request, as JSON if there is a value; status, headers and body of the answer."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=60)
    body = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    headers = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
    connection.request(method or ("GET" if body is None else "POST"), where.path + path, body, headers)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def ask_json(address: str, path: str, value: Any = None) -> Any:
    """Send one request and return what is answered, which must be well."""
    status, _, body = ask(address, path, value)
    assert status == 200, body
    return json.loads(body)
