"""The page of runs under way: the report, and what browsers are sent when the runs' files change."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from kresnet.pages.watch_page import WatchPage
from kresnet.report.page import page_context, render_sections
from kresnet.report.run_data import gather_run_data
from kresnet.report.watched_runs import SEARCH_SECONDS, WatchedRuns
from kresnet.runs.lock import RunLock
from tests.report.recorded_runs import line, made, tell_progress


def following(scenario, *places):
    """Run a scenario with a client of the page about some places."""

    async def run() -> None:
        watched = WatchedRuns(places, clock=count(step=SEARCH_SECONDS).__next__)  # folders are searched at every look
        async with TestClient(TestServer(WatchPage(watched, look_seconds=0.02).application())) as client:
            await scenario(client)

    asyncio.run(asyncio.wait_for(run(), 120))


async def page_of(client: TestClient) -> tuple[str, str]:
    """The page, and the version that it has."""
    html = await (await client.get("/")).text()
    return html, html.partition('data-version="')[2].partition('"')[0]


@asynccontextmanager
async def events(client: TestClient, version: str) -> AsyncIterator[Any]:
    """What is sent to who shows a version of the page."""
    async with client.get(f"/events?version={version}") as response:
        assert response.headers["Content-Type"] == "text/event-stream"

        async def following_event() -> tuple[str, dict[str, Any]]:
            name = (await response.content.readline()).decode().removeprefix("event: ").strip()
            value = json.loads((await response.content.readline()).decode().removeprefix("data: "))
            await response.content.readline()
            return name, value

        yield following_event


def test_the_page_is_the_report_of_the_run(tmp_path):
    run = made(tmp_path / "run")

    async def scenario(client):
        html, _ = await page_of(client)
        sections = render_sections(page_context(gather_run_data(run.path, "run", None), live=True))
        assert {"overview", "network", "curves", "gradients", "norms", "pace", "repeat"} <= sections.keys()
        for name, section in sections.items():
            assert section in html, name
        assert html.count("<section") == len(sections) + 1
        assert "Content-Security-Policy" not in html  # the server sends one

    following(scenario, run.path)


def test_what_changes_is_sent_and_nothing_else(tmp_path):
    run = made(tmp_path / "run", epochs=1)

    async def scenario(client):
        with RunLock(run.path, lambda _: None):
            tell_progress(run, 15, written=time.time())
            html, version = await page_of(client)
            assert "<dd>15<small>of 40, epoch 2 of 4, 50 s left</small></dd>" in html
            async with events(client, version) as following_event:
                assert await following_event() == ("sections", {"sections": {}, "told": told(1, "0.7900")})
                tell_progress(run, 18, written=time.time(), loss=0.75)
                name, news = await following_event()
                assert (name, [*news["sections"]], news["told"]) == ("sections", ["overview"], told(1, "0.7900"))
                assert "0.7500<small>this epoch, so far" in news["sections"]["overview"]
                with run.history.path.open("a") as file:
                    text = json.dumps(line(2, 0.8)) + "\n"
                    file.write(text[:50])
                    file.flush()
                    await asyncio.sleep(0.2)
                    file.write(text[50:])
                while "curves" not in (news := (await following_event())[1])["sections"]:
                    assert not news["sections"]  # half a line changes nothing
                assert news["told"] == told(2, "0.8000")
                assert not {"network", "gradients", "repeat"} & news["sections"].keys()
                assert "From 1.1000 to 0.5500" in news["sections"]["curves"].replace("from", "From")
            html, later = await page_of(client)  # who opens the page now is sent nothing twice
            async with events(client, later) as following_event:
                assert (await following_event())[1]["sections"] == {}
            async with events(client, version) as following_event:  # who was away is sent what was missed
                assert {"overview", "curves"} <= (await following_event())[1]["sections"].keys()

    following(scenario, run.path)


def told(epoch: int, accuracy: str) -> str:
    return f"run: running, epoch {epoch} ended, accuracy {accuracy}."


def test_a_run_that_ends_becomes_its_report(tmp_path):
    run = made(tmp_path / "run", epochs=3)

    async def scenario(client):
        _, version = await page_of(client)
        async with events(client, version) as following_event:
            await following_event()
            run.history.append(line(4, 0.8))
            run.result.write_text(json.dumps({"epochs": 4, "steps": 40, "test": line(4, 0.8)["test"]}))
            while "Finished after step 40 of 40." not in str(await following_event()):
                pass

    following(scenario, run.path)


def test_a_page_that_has_other_runs_now_is_loaded_again(tmp_path):
    run = made(tmp_path / "runs" / "one", epochs=1)

    async def scenario(client):
        _, version = await page_of(client)
        async with events(client, version) as following_event:
            await following_event()
            shutil.rmtree(run.path)
            assert await following_event() == ("reload", {})
        html, version = await page_of(client)
        assert "one was there, and has been deleted or moved." in html
        assert "There is no run in" in html
        made(tmp_path / "runs" / "one", epochs=1)
        made(tmp_path / "runs" / "two", spec={"block": {"kind": "basic", "shortcut": "none"}})
        async with events(client, version) as following_event:
            while (await following_event())[0] != "reload":
                pass
        html, _ = await page_of(client)
        assert "2 runs compared" in html
        assert 'id="differences"' in html
        assert "has been deleted" not in html

    following(scenario, tmp_path / "runs")


def test_a_run_that_cannot_be_read_is_told_and_names_are_text(tmp_path):
    run = made(tmp_path / "<b>run</b>", epochs=1)
    run.log.write_text("2026-11-27T18:30:12Z <script>alert(1)</script>\n")

    async def scenario(client):
        html, _ = await page_of(client)
        assert "&lt;script&gt;alert(1)" in html
        assert "<script>alert(1)" not in html
        assert "<b>run" not in html
        (run.path / "data.json").write_text('{"train_images": "<i>"')
        html, _ = await page_of(client)
        assert "[run_missing]" in html
        assert "cannot be read" in html
        assert "<b>run" not in html

    following(scenario, run.path)
