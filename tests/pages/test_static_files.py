"""What pages link to: the report's style and script, Plotly's, and files of the room."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web
from plotly.offline import get_plotlyjs

from kresnet.pages.static_files import static_routes
from tests.pages.asking import ask, served


def test_files_are_served_with_their_types_and_no_others():
    page = web.Application()
    page.add_routes(static_routes())
    with served(page) as address:
        status, headers, body = ask(address, "static/style.css")
        assert (status, headers["Content-Type"]) == (200, "text/css; charset=utf-8")
        assert body.decode() == (files("kresnet.report") / "templates" / "style.css").read_text()
        status, headers, body = ask(address, "static/figures.js")
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert b"kresnetFigures" in body
        assert ask(address, "static/plotly.js")[2].decode() == get_plotlyjs()
        for path in ("static/", "static/../local_server.py", "static/%2e%2e/local_server.py", "static/page.html"):
            assert ask(address, path)[0] == 404
