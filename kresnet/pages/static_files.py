"""Files that pages link to: those of this room, the report's own style and script, and Plotly's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web
from plotly.offline import get_plotlyjs

_TYPES = {".css": "text/css", ".js": "text/javascript", ".txt": "text/plain"}


def static_routes(*names: str) -> list[web.RouteDef]:
    """Return routes of `static/style.css`, `static/figures.js` and `static/plotly.js`, which any page may link to.

    `figures.js` draws the figures of `report/templates/macros.html`; a page that puts new ones into itself calls
    `kresnetFigures.adopt(element)`.

    Args:
        names: files of `kresnet/pages/assets` to serve besides, each as `static/NAME`.
    """
    templates, assets = files("kresnet.report") / "templates", files("kresnet.pages") / "assets"
    shared = {"style.css": templates / "style.css", "figures.js": templates / "page.js"}
    found = {**shared, **{name: assets / name for name in names}}
    return [
        *(web.get(f"/static/{name}", _file_handler(name, file)) for name, file in found.items()),
        web.get("/static/plotly.js", _plotly),
    ]


def _file_handler(name: str, file: Traversable) -> Callable[[web.Request], Awaitable[web.Response]]:
    kind, text = _TYPES[f".{name.rpartition('.')[2]}"], file.read_text(encoding="utf-8")

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind)

    return answer


@cache
def _plotly_source() -> str:
    return get_plotlyjs()


async def _plotly(request: web.Request) -> web.Response:
    return web.Response(text=_plotly_source(), content_type="text/javascript")


__all__ = ["static_routes"]
