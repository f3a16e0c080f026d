"""Who is answered: the page that knows its token, on loopback, by a name of this machine, and nobody else."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from kresnet.errors import KresnetError, make_error
from kresnet.pages.local_server import MOST_BYTES, EventStream, running_page
from tests.pages.asking import ask, served


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text="hello", content_type="text/html")


async def _echo(request: web.Request) -> web.Response:
    return web.json_response(await request.json())


async def _refused(request: web.Request) -> web.Response:
    raise make_error("bad_option", "This is not right.", remedy="something else")


async def _broken(request: web.Request) -> web.Response:
    raise ZeroDivisionError("by zero")


async def _counts(request: web.Request) -> web.StreamResponse:
    stream = await EventStream.begin(request)
    for number in range(3):
        await stream.send("count", {"number": number, "text": "<b>\n</b>"})
    return stream.response


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    page = web.Application()
    page.add_routes([web.get("/", _hello), web.post("/echo", _echo), web.get("/refused", _refused),
                     web.get("/broken", _broken), web.get("/counts", _counts)])  # fmt: skip
    with served(page) as address:
        yield address


def _port(address: str) -> int | None:
    return urlsplit(address).port


def test_the_page_is_answered_with_what_keeps_it_to_itself(address):
    status, headers, body = ask(address)
    assert (status, body) == (200, b"hello")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_token_is_long_and_another_each_time(address):
    token = urlsplit(address).path.strip("/")
    assert len(token) == 32
    page = web.Application()
    with served(page) as other:
        assert urlsplit(other).path.strip("/") != token


@pytest.mark.parametrize("path", ["", "/", "/echo", "/x/", "/%00/", "/%e4%ff/", "//", "/../", "/favicon.ico"])
def test_without_the_token_nothing_is_answered(address, path):
    bare = f"http://127.0.0.1:{_port(address)}"
    for method in ("GET", "POST", "OPTIONS"):
        status, headers, body = ask(bare, path or "/", method=method)
        assert (status, body) == (403, b"Forbidden\n")
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_token_that_is_nearly_right_is_wrong(address):
    for path in (address[:-2] + "/", address[:-1] + "x/", address.upper().replace("HTTP", "http")):
        assert ask(path)[0] == 403


@pytest.mark.parametrize(
    "host", ["example.com", "127.0.0.1", "127.0.0.1:1", "localhost.example.com:{port}", "0.0.0.0:{port}"]
)
def test_another_host_name_is_refused(address, host):
    """A name of somebody else's that leads to 127.0.0.1 (DNS rebinding)."""
    assert ask(address, headers={"Host": host.format(port=_port(address))})[0] == 403


def test_both_names_of_this_machine_are_its_own(address):
    assert ask(address, headers={"Host": f"localhost:{_port(address)}"})[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://example.com", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://127.0.0.1"]
)
def test_another_origin_is_refused(address, origin):
    status, headers, _ = ask(address, "echo", {"a": 1}, headers={"Origin": origin.format(port=_port(address))})
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers


def test_a_page_of_another_site_is_refused_and_told_what_to_do(address):
    for site in ("cross-site", "same-site"):
        status, _, body = ask(address, headers={"Sec-Fetch-Site": site})
        assert status == 403
        assert b"paste its address" in body
    own = {"Origin": f"http://127.0.0.1:{_port(address)}", "Sec-Fetch-Site": "same-origin"}
    assert ask(address, "echo", {"a": 1}, headers=own)[2] == b'{"a": 1}'


def test_what_goes_wrong_is_told_as_values(address):
    status, _, body = ask(address, "refused")
    assert status == 422
    problem = {"code": "bad_option", "message": "This is not right.", "remedy": "something else"}
    assert json.loads(body) == {"problems": [problem]}
    status, _, body = ask(address, "broken")
    assert (status, json.loads(body)["problems"][0]["code"]) == (500, "internal")
    assert ask(address, "nowhere")[0] == 404


def test_a_body_that_is_too_long_is_refused(address):
    assert ask(address, "echo", b'"' + b"x" * MOST_BYTES + b'"')[0] == 413


def test_events_come_as_a_stream(address):
    _, headers, body = ask(address, "counts")
    assert headers["Content-Type"] == "text/event-stream"
    events = body.decode().strip().split("\n\n")
    assert [event.splitlines()[0] for event in events] == ["event: count"] * 3
    values = [json.loads(event.splitlines()[1].removeprefix("data: ")) for event in events]
    assert values[2] == {"number": 2, "text": "<b>\n</b>"}


def test_it_listens_on_loopback_alone_and_says_when_the_port_is_taken(address):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def serve() -> None:
            async with running_page(web.Application(), port):
                pass

        with pytest.raises(KresnetError) as caught:
            asyncio.run(serve())
        assert caught.value.problems[0].code == "environment"
        assert "--port" in caught.value.problems[0].remedy
    assert urlsplit(address).hostname == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", _port(address)), timeout=5)


def test_the_page_cleans_up_when_the_server_stops():
    page, left = web.Application(), []

    async def clean_up(application: web.Application) -> None:
        left.append("cleaned up")

    page.on_cleanup.append(clean_up)
    with served(page):
        assert left == []
    assert left == ["cleaned up"]
