"""The page of runs in a real browser: what changes appears without a reload, and what the reader did stays."""

from __future__ import annotations

import time
from itertools import count

import pytest

from kresnet.pages.watch_page import WatchPage
from kresnet.report.watched_runs import SEARCH_SECONDS, WatchedRuns
from kresnet.runs.lock import RunLock
from tests.pages.asking import served
from tests.report.browser import DESKTOP, PHONE, chromium, draw_all, launched
from tests.report.recorded_runs import line, made, tell_progress

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
if chromium() is None:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    with launched() as found:
        yield found


@pytest.fixture
def run(tmp_path):
    """A run under way, in its second epoch."""
    made_run = made(tmp_path / "runs" / "one", epochs=1)
    made_run.log.write_text("2026-11-27T18:30:12Z tiny: 12,242 parameters\n")
    with RunLock(made_run.path, lambda _: None):
        tell_progress(made_run, 15, written=time.time())
        yield made_run


def opened(browser, address, size=DESKTOP, scheme="light"):
    phone = size == PHONE
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=phone, is_mobile=phone
    )
    page = context.new_page()
    page.set_default_timeout(120_000)  # a machine may be busy with other tests
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(address)
    page.get_by_text("Live: files are looked at").wait_for()
    return page


def test_a_run_is_followed_without_a_reload(browser, run):
    watched = WatchedRuns([run.path.parent], clock=count(step=SEARCH_SECONDS).__next__)
    with served(WatchPage(watched, look_seconds=0.1).application()) as address:
        page = opened(browser, address)
        page.evaluate("window.unchanged = true")
        draw_all(page)
        table = page.locator("#curves summary").first
        table.focus()
        page.keyboard.press("Enter")  # a reader opens a table, and a block of the network
        page.locator("#network .card > summary").first.click()
        table.focus()
        shown = page.locator("#gradients .main-svg").first
        shown.evaluate("each => { each.dataset.same = 'yes'; }")

        tell_progress(run, 18, written=time.time(), loss=0.75)
        page.locator("#overview").get_by_text("0.7500").wait_for()
        run.history.append(line(2, 0.8))
        page.locator("#curves table").first.get_by_role("rowheader", name="2", exact=True).wait_for()
        assert page.locator("#curves table").first.is_visible()  # what was opened is open
        assert page.locator("#network .layers").first.is_visible()
        assert page.evaluate("document.activeElement.closest('#curves') !== null")  # and the focus where it was
        page.locator("#curve-loss .main-svg").first.wait_for()  # drawn anew
        assert shown.get_attribute("data-same") == "yes"  # a figure that has not changed was left alone
        assert page.get_by_role("status").inner_text() == "one: running, epoch 2 ended, accuracy 0.8000."

        page.get_by_role("button", name="Pause").click()
        run.history.append(line(3, 0.8))
        page.wait_for_timeout(500)
        assert not page.locator("#curves table").first.get_by_role("rowheader", name="3", exact=True).count()
        page.get_by_role("button", name="Go on").click()
        page.locator("#curves table").first.get_by_role("rowheader", name="3", exact=True).wait_for()
        assert page.evaluate("window.unchanged") is True
        assert page.said == []

        made(run.path.parent / "two", spec={"block": {"kind": "basic", "shortcut": "none"}})
        page.get_by_role("heading", name="2 runs compared").wait_for()  # other parts: loaded again, by itself
    page.get_by_text("Not connected since").wait_for()
    page.context.close()


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_the_page_fits(browser, run, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    with served(WatchPage(WatchedRuns([run.path])).application()) as address:
        page = opened(browser, address, size, scheme)
        draw_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 19, 24)"}[scheme]
        found = axe.Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found] == []
        assert page.said == []
        page.context.close()
