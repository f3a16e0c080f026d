"""The pages in a real browser: drawn, without a network, by keyboard, on a phone, in the dark, and held to axe-core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kresnet.evaluation.evaluation import Evaluation, Mistake
from kresnet.report.comparison import make_comparison
from kresnet.report.page import compare_page, report_page
from kresnet.report.run_data import gather_run_data
from tests.report.browser import DESKTOP, PHONE, chromium, draw_all, launched, opened
from tests.report.recorded_runs import NAMES, made

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
if chromium() is None:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)

#: A grey pixel, as WebP.
PIXEL = "data:image/webp;base64,UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAUAmJaQAA3AA/v02aAA="


def examined(_: object) -> Evaluation:
    matrix = np.full((10, 10), 1) + 90 * np.eye(10, dtype=np.int64)
    mistakes = tuple(Mistake(n, f"image {n}", NAMES[1], NAMES[0], 0.97, PIXEL) for n in range(8))
    return Evaluation("classes", "model.keras", 1000, 1.0, {"loss": 0.5, "accuracy": 0.9}, NAMES, matrix, mistakes)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A report, and a comparison of a finished run with one that goes on."""
    home = tmp_path_factory.mktemp("browser")
    made(home / "one").model.touch()
    made(home / "two", epochs=2, spec={"block": {"kind": "basic", "shortcut": "none"}})
    run_data = [gather_run_data(home / name, name, examined) for name in ("one", "two")]
    (home / "report.html").write_text(report_page(run_data[0]))
    (home / "compare.html").write_text(compare_page(make_comparison(run_data)))
    return {name: home / f"{name}.html" for name in ("report", "compare")}


@pytest.fixture(scope="module")
def browser():
    with launched() as found:
        yield found


@pytest.mark.parametrize("name", ["report", "compare"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_draws_itself_asks_for_nothing_and_fits(browser, pages, name, size):
    page = opened(browser, "/dev/null", size)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{pages[name]}")
    draw_all(page)
    assert page.locator(".canvas .main-svg").count() > 10
    assert page.locator(".canvas path.js-line").count() > 5
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [f"file://{pages[name]}"]
    for opened_up in (False, True):  # and with everything unfolded
        if opened_up:
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            draw_all(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == size[0]
    page.context.close()


def test_the_policy_stops_what_would_reach_out(browser, pages):
    """The rules of the page hold even for a script that gets into it."""
    page = opened(browser, pages["report"])
    refused = page.evaluate(
        """async () => {
            const found = [];
            addEventListener("securitypolicyviolation", event => found.push(event.effectiveDirective));
            await fetch("http://127.0.0.1:9/").catch(() => {});
            const image = new Image();
            image.src = "http://127.0.0.1:9/x.png";
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(image, script);
            await new Promise(done => setTimeout(done, 200));
            return [found.sort(), window.ran === true];
        }"""
    )
    assert refused == [["connect-src", "img-src", "script-src-elem"], False]
    page.context.close()


def test_a_block_opens_by_keyboard(browser, pages):
    page = opened(browser, pages["report"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText.includes('Block 1')"):
            break
    layers = page.locator(".card:has-text('Block 1') .layers").first
    assert not layers.is_visible()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"  # the focus is seen
    page.keyboard.press("Enter")
    assert layers.is_visible()
    assert "batch norm" in layers.inner_text()
    page.context.close()


def test_light_and_dark_by_the_system_and_by_the_button(browser, pages):
    page = opened(browser, pages["report"], scheme="dark")
    draw_all(page)

    def paper() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    def tick() -> str:
        return page.evaluate("getComputedStyle(document.querySelector('#curve-loss .xtick text')).fill")

    assert paper() == "rgb(14, 19, 24)"
    dark = tick()
    button = page.get_by_role("button", name="Use light colours")
    button.focus()
    page.keyboard.press("Enter")
    assert paper() == "rgb(255, 255, 255)"
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('#curve-loss .xtick text')).fill !== before", arg=dark
    )
    assert page.get_by_role("button", name="Use dark colours").is_visible()
    page.context.close()


def test_the_page_is_whole_without_scripts(browser, pages):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(f"file://{pages['report']}")
    assert not page.locator("#theme").is_visible()
    page.locator("#curves summary").first.click()
    assert page.locator("#curves table").first.is_visible()
    context.close()


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        pytest.param("report", DESKTOP, "light", id="report-desktop"),
        pytest.param("compare", PHONE, "dark", id="compare-phone", marks=pytest.mark.slow),
        pytest.param("report", PHONE, "dark", id="report-phone", marks=pytest.mark.slow),
        pytest.param("compare", DESKTOP, "light", id="compare-desktop", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(browser, pages, name, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = opened(browser, pages[name], size, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    draw_all(page)
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found] == []
    page.context.close()
