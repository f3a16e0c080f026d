"""The server of a page on loopback: whoever does not know its address, token and all, is answered nothing.

A page is an aiohttp application whose routes are relative (`/`, `/look`); `running_page` mounts it below a token that
nobody can guess, `http://127.0.0.1:PORT/TOKEN/`. Links within a page are relative too, so each of its requests carries
the token, without a cookie, which every other server of this machine would be sent as well.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from kresnet.errors import KresnetError, Problem
from kresnet.serving.addresses import LOOPBACK, open_sockets
from kresnet.serving.until_signal import serve_until_signal

#: Names by which a browser may ask for the page; any other in `Host` is a foreign name that leads to this machine.
_HOST_NAMES = (LOOPBACK, "localhost")
#: Bytes of a request's body: a document of 256 KiB as JSON, which may write each of its characters as six.
MOST_BYTES = 2 * 1024**2
#: Seconds that requests under way are given when the server stops.
_LAST_SECONDS = 1.0

#: Sent with every answer. A response that brings a policy of its own keeps it.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@asynccontextmanager
async def running_page(page: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve a page on loopback until the block ends, and give its address.

    Args:
        page: the application, with relative routes; its own clean-up is run at the end.
        port: port to listen on; 0 takes a free one.

    Raises:
        KresnetError: `environment` where the port is taken, or this user may not listen on it.
    """
    token = secrets.token_urlsafe(24)
    application = web.Application(middlewares=[_guard(token), _tell_errors], client_max_size=MOST_BYTES)
    application.add_subapp(f"/{token}", page)
    application.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=_LAST_SECONDS)
    await runner.setup()
    try:
        (listening,) = open_sockets(LOOPBACK, port, "--port")
        await web.SockSite(runner, listening).start()
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}/{token}/"
    finally:
        await runner.cleanup()


def serve_page(
    page: web.Application, *, port: int = 0, open_browser: bool = True, started: Callable[[str], None]
) -> None:
    """Serve a page until SIGINT or SIGTERM comes.

    Args:
        page: the application, as for `running_page`.
        port: port to listen on; 0 takes a free one.
        open_browser: have the user's browser show it.
        started: called with the address once requests are taken.

    Raises:
        KresnetError: as `running_page`.
    """

    async def tell(address: str) -> None:
        started(address)
        if open_browser:
            await asyncio.to_thread(webbrowser.open, address)

    serve_until_signal(running_page(page, port), tell)


class EventStream:
    """An answer by server-sent events, which goes on until the handler returns `response`."""

    def __init__(self) -> None:
        self.response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})

    @classmethod
    async def begin(cls, request: web.Request) -> EventStream:
        """Answer a request by events from now on."""
        stream = cls()
        await stream.response.prepare(request)
        return stream

    async def send(self, event: str, value: Any) -> None:
        """Send one event: its name, and a JSON-ready value.

        Raises:
            ConnectionResetError: once the client is gone; a handler may let it pass.
        """
        await self.response.write(f"event: {event}\ndata: {json.dumps(value)}\n\n".encode())


def _guard(token: str) -> Any:
    """Return the middleware that answers 403 to who is not the page itself."""

    @web.middleware
    async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        given = request.path.partition("/")[2].partition("/")[0]
        known = secrets.compare_digest(given.encode(errors="surrogateescape"), token.encode())
        if not known:
            return web.Response(status=403, text="Forbidden\n")
        if not _is_own(request):
            text = "No other page may open this one: paste its address into the browser, as the command printed it.\n"
            return web.Response(status=403, text=text)
        return await handler(request)

    return guard


def _is_own(request: web.Request) -> bool:
    """Whether a request names this server by a name of its own, and comes from no page of another."""
    assert request.transport is not None
    port = request.transport.get_extra_info("sockname")[1]
    hosts = [f"{name}:{port}" for name in _HOST_NAMES]
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return request.host in hosts and origin in (None, *(f"http://{host}" for host in hosts)) and not foreign


@web.middleware
async def _tell_errors(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
    """Answer what was raised as JSON: 422 and the problems of a `KresnetError`, 500 and `internal` for any other."""
    try:
        return await handler(request)
    except KresnetError as error:
        return web.json_response({"problems": [problem.as_dict() for problem in error.problems]}, status=422)
    except (web.HTTPException, ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception as error:
        problem = Problem("internal", f"kresnet met an error that it does not know: {type(error).__name__}: {error}")
        return web.json_response({"problems": [problem.as_dict()]}, status=500)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


__all__ = ["MOST_BYTES", "EventStream", "running_page", "serve_page"]
