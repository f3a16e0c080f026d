"""The page of runs under way: their report, whose sections are sent again whenever the runs' files change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from aiohttp import web

from kresnet import terminal
from kresnet.pages.local_server import EventStream
from kresnet.pages.static_files import static_routes
from kresnet.report.comparison import RunComparison, make_comparison
from kresnet.report.page import (
    OVERVIEW_SECTIONS,
    overview_context,
    page_context,
    render_sections,
    template_environment,
)
from kresnet.report.run_data import RunData
from kresnet.report.watched_runs import LOOK_SECONDS, Change, WatchedRuns
from kresnet.version import __version__

#: Seconds without news after which a browser is sent a sign of life, by which it is noticed that one has gone.
_BEAT_SECONDS = 15.0


class WatchPage:
    """The application that shows runs, and tells browsers what has changed.

    Args:
        watched: the runs.
        look_seconds: seconds between two looks at their files.
    """

    def __init__(self, watched: WatchedRuns, look_seconds: float = LOOK_SECONDS) -> None:
        self._watched, self._look_seconds = watched, look_seconds
        self._looking, self._news = asyncio.Lock(), asyncio.Condition()
        self._listeners, self._ending = 0, False
        self._shown: RunData | RunComparison | None = None
        self._context: dict[str, Any] = {}
        self._sections: dict[str, str] = {}
        self._changed: dict[str, int] = {}  # the version of each section's last change
        self._structure: tuple[str | None, ...] = ()
        self._version = self._reload_from = 0

    def application(self) -> web.Application:
        """Return the application, for `local_server.serve_page`."""
        page = web.Application()
        page.add_routes([web.get("/", self._page), web.get("/events", self._events), *static_routes("watch.js")])
        page.cleanup_ctx.append(self._keep_looking)
        page.on_shutdown.append(self._end_streams)
        return page

    async def _page(self, request: web.Request) -> web.Response:
        await self._look()
        html = await asyncio.to_thread(self._render_page)
        return web.Response(text=html, content_type="text/html")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        stream = await EventStream.begin(request)
        known = int(request.query.get("version", "0"))
        self._listeners += 1
        try:
            with contextlib.suppress(ConnectionResetError):  # whoever closes the page does not say so before
                await self._send_changes(stream, known)
        finally:
            self._listeners -= 1
        return stream.response

    async def _send_changes(self, stream: EventStream, known: int) -> None:
        """Send what changes after a version, until the page is to be loaded again or the server ends."""
        while not self._ending:
            if known < self._reload_from:
                return await stream.send("reload", {})
            found = {name: self._sections[name] for name, at in self._changed.items() if at > known}
            known = self._version
            await stream.send("sections", {"sections": found, "told": self._told()})
            async with self._news:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), _BEAT_SECONDS)
        return None

    async def _end_streams(self, application: web.Application) -> None:
        self._ending = True
        async with self._news:
            self._news.notify_all()

    async def _keep_looking(self, application: web.Application) -> AsyncIterator[None]:
        async def keep_looking() -> None:
            while True:
                await asyncio.sleep(self._look_seconds)
                if self._listeners:
                    try:
                        await self._look()
                    except Exception as error:  # the page stays as it is until the files change again
                        terminal.log(f"The page could not be made anew: {type(error).__name__}: {error}")

        task = asyncio.create_task(keep_looking())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _look(self) -> None:
        """Look at the files, and have what changed rendered and told."""
        async with self._looking:
            change = await asyncio.to_thread(self._watched.look)
            if change:
                await asyncio.to_thread(self._render, change)
        if change:
            async with self._news:
                self._news.notify_all()

    def _render(self, change: Change) -> None:
        runs, before = self._watched.runs, self._sections
        if not runs:
            self._shown, self._context, sections = None, {}, {}
        elif change is Change.PROGRESS:
            self._shown = replace(self._shown, runs=runs) if isinstance(self._shown, RunComparison) else runs[0]
            newer = overview_context(self._shown, live=True)
            self._context |= newer
            sections = before | render_sections(newer, OVERVIEW_SECTIONS)
        else:
            self._shown = make_comparison(runs) if len(runs) > 1 else runs[0]
            self._context = page_context(self._shown, live=True)
            sections = render_sections(self._context)
        sections = sections | {"watched": self._render_watched()}
        self._version += 1
        structure = (self._context.get("title"), *(run.label for run in runs), *sections)
        if structure != self._structure:  # the page has other parts now
            self._reload_from, self._structure = self._version, structure
        for name, html in sections.items():
            if before.get(name) != html:
                self._changed[name] = self._version
        self._sections = sections

    def _told(self) -> str:
        """Return how the runs stand in a sentence that changes with an epoch, not with a step, to be read aloud."""
        told = []
        for run in self._watched.runs:
            words: list[str] = [run.status.state]
            if run.epochs:
                words.append(f"epoch {run.epochs[-1].epoch} ended")
                split = run.epochs[-1].validation or run.epochs[-1].test
                if (value := split.get(run.headline)) is not None:
                    words.append(f"{run.headline.replace('_', ' ')} {value:.4f}")
            told.append(f"{run.label}: {', '.join(words)}.")
        return " ".join(told)

    def _render_watched(self) -> str:
        return template_environment("kresnet.pages").get_template("watched.html").render(watched=self._watched).strip()

    def _render_page(self) -> str:
        empty = {"title": "No run yet", "runs": (), "several": False}
        html = (
            template_environment("kresnet.pages")
            .get_template("watch.html")
            .render(
                {**(self._context or empty), "watched": self._watched},
                version=__version__,
                page_version=self._version,
                look_seconds=self._look_seconds,
            )
        )
        return html.encode("utf-8", "backslashreplace").decode("utf-8")  # names of files need not be text


__all__ = ["WatchPage"]
