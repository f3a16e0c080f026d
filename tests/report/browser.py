"""A real browser without a window: Debian's Chromium, driven by Playwright, that keeps to itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Whatever a browser says to its maker by itself, it shall not say here.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = (1280, 900), (390, 844)


def chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A browser with a fresh profile, closed in the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Any, path: Any, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Any:
    """The page in a file, in a window of its own without a network; on a phone's width with a phone's touch."""
    phone = size == PHONE
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=phone, is_mobile=phone,
        offline=True,
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(120_000)  # a machine may be busy with other tests
    page.goto(f"file://{path}")
    return page


def draw_all(page: Any) -> None:
    """Have every figure drawn that is not folded away, as for print, and wait for the last."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    from playwright.sync_api import expect  # asks the page nothing that its policy forbids, as wait_for_function does

    expect(page.locator(".canvas:visible:not(:has(.main-svg))")).to_have_count(0, timeout=120_000)
