"""The editor in a real browser: typing, completing, mending, saving; large, hostile, small, dark, by keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kresnet.pages.editor.application import EditorSession, make_editor
from kresnet.pages.editor.document_file import DocumentFile
from kresnet.spec.document import MAX_BYTES
from tests.pages.asking import served
from tests.pages.editor.test_equivalent_command import TEXT
from tests.report.browser import DESKTOP, PHONE, chromium, launched

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
if chromium() is None:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)

COMMENTED = "# first of all\n" + TEXT


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("edited")


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    files = {kind: DocumentFile(kind, str(folder / f"{kind}.yaml")) for kind in ("spec", "recipe", "study")}
    with served(make_editor(EditorSession(files))) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launched() as found:
        yield found


@pytest.fixture
def opened(browser, address, folder) -> Iterator[Any]:
    """Opens the page on a text; in the end its window must have said nothing, and asked nothing of others."""
    said: list[str] = []
    pages = []

    def open_page(text: str = COMMENTED, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Any:
        (folder / "spec.yaml").write_text(text)
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=size == PHONE,
            is_mobile=size == PHONE, permissions=["clipboard-read", "clipboard-write"],
        )  # fmt: skip
        page = context.new_page()
        page.set_default_timeout(120_000)  # a machine may be busy with other tests
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if "422" not in message.text else None)
        page.on("response", lambda response: said.append(response.text()) if response.status >= 500 else None)
        page.on("request", lambda request: said.append(request.url) if not _own(request.url, address) else None)
        page.goto(address, wait_until="commit")
        _until(page, "document.documentElement.dataset.answered")
        pages.append(page)
        return page

    yield open_page
    assert not said, "\n".join(said)
    for page in pages:
        page.context.close()


def _own(url: str, address: str) -> bool:
    return url.startswith((address, "data:"))


def _until(page: Any, condition: str, argument: Any = None) -> None:
    """Wait until a JavaScript function of the argument is true; Playwright's own waiting is stopped by the policy."""
    ends = time.monotonic() + 120
    while not page.evaluate(f"argument => ({condition})", argument):
        assert time.monotonic() < ends, condition
        page.wait_for_timeout(50)


def _line(page: Any, words: str) -> None:
    """Wait until the line at the top says something."""
    _until(page, "document.getElementById('line').textContent.includes(argument)", words)


def _filled(page: Any, name: str, words: str) -> None:
    """Wait until a panel says something."""
    _until(page, f"document.querySelector('[data-fill={name}]').textContent.includes(argument)", words)


def _view(page: Any, body: str, argument: Any = None) -> Any:
    """What a piece of JavaScript returns that is given CodeMirror's `view`."""
    find = "(await import(location.pathname + 'static/codemirror.js')).EditorView.findFromDOM"
    return page.evaluate(
        f"async argument => {{ const view = {find}(document.querySelector('.cm-editor')); {body} }}", argument
    )


def _text(page: Any) -> str:
    return _view(page, "return view.state.doc.toString()")


def _put(page: Any, place: str, text: str) -> None:
    """Place the cursor behind a piece of the text, and type."""
    page.locator(".cm-content").focus()
    found = "view.state.doc.toString().indexOf(argument) + argument.length"
    _view(page, f"view.dispatch({{ selection: {{ anchor: {found} }} }})", place)
    page.keyboard.type(text)


def test_typing_changes_the_network_and_undo_takes_it_back(opened):
    page = opened()
    assert page.locator(".levels .level").count() == 4  # input and stem, two stages, head
    _put(page, "classes: 10", "0")
    _filled(page, "network", "dense 100")
    page.click("#view-changes")
    _filled(page, "changes", "head.classes")
    assert "--set-b head.classes=100" in page.inner_text("#command")
    page.click("#copy")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#command")
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+z")
    _filled(page, "changes", "The same network")
    assert _text(page) == COMMENTED


def test_what_may_be_said_is_completed_and_explained(opened):
    page = opened()
    _put(page, "{kind: basic", ", sho")
    page.locator(".cm-tooltip-autocomplete li:has-text('shortcut')").first.wait_for()
    page.wait_for_timeout(100)  # a choice is taken no sooner than it can have been read
    page.keyboard.press("Enter")
    assert "{kind: basic, shortcut: }" in _text(page)
    page.keyboard.press("Control+Space")
    page.locator(".cm-tooltip-autocomplete li:has-text('projection_all')").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.type("none")
    page.keyboard.press("Escape")
    page.click(".cm-content")
    page.hover(".cm-line:has-text('stem') >> text=stem")
    page.locator(".cm-tooltip .setting").wait_for()
    assert "stem" in page.inner_text(".cm-tooltip .setting")


def test_a_problem_is_underlined_at_its_place_and_its_line_is_gone_to(opened):
    page = opened()
    _put(page, "width: 16", "x")
    page.locator(".cm-lintRange-error").first.wait_for()
    marked = page.locator(".cm-line:has(.cm-lintRange-error)")
    assert "16x" in marked.inner_text()
    _line(page, "1 problem")
    assert "spec.yaml:8:" in page.inner_text("#problems")
    page.keyboard.press("Control+Home")
    page.locator("#problems button").press("Enter")
    assert _view(page, "return view.state.doc.lineAt(view.state.selection.main.head).number") == 8


def test_saving_keeps_comments_and_a_change_from_outside_is_asked_about(opened, folder):
    page = opened()
    _put(page, "classes: 10", "0")
    page.keyboard.press("Control+s")
    _until(page, "document.getElementById('name').textContent === 'spec.yaml, saved'")
    _until(page, "!document.getElementById('tab-spec').classList.contains('changed')")
    assert (folder / "spec.yaml").read_text() == COMMENTED.replace("classes: 10", "classes: 100")
    (folder / "spec.yaml").write_text(TEXT)
    page.get_by_role("button", name="Take what is on disk").wait_for()
    page.keyboard.press("Control+End")
    _put(page, "classes: 100", "0")
    page.get_by_role("button", name="Overwrite it with mine").click()
    _until(page, "!document.getElementById('tab-spec').classList.contains('changed')")
    assert "classes: 1000" in (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(TEXT)
    page.get_by_role("button", name="Take what is on disk").click()
    _until(page, "document.querySelector('.cm-line').textContent.startsWith('name')")


def test_two_networks_are_compared_side_by_side(opened):
    page = opened()
    page.click("#view-compare")
    page.fill("#beside", "cifar_plain20")
    page.keyboard.press("Enter")
    page.locator(".beside section").nth(1).wait_for()
    assert page.locator(".beside h2").all_inner_texts() == ["cifar_plain20", "small as it is written"]


def test_a_thousand_layers_are_drawn_and_stay_unfolded(opened):
    page = opened("extends: cifar_resnet1202\nname: deep\n")
    _line(page, "1202 weighted layers")
    page.locator(".card:has-text('Blocks 2-200') summary").first.click()
    _put(page, "name: deep", "er")
    _line(page, "deeper")
    assert page.locator("details.card[open]").count() == 1
    assert page.locator(".card").count() < 20


def test_a_document_of_256_kib_and_a_hostile_one(opened):
    page = opened(TEXT + "# é\n" * ((MAX_BYTES - len(TEXT) - 8) // 5))
    _line(page, "small")
    hostile = "name: small\nsource: \"</script><img src=x onerror=document.title='got'> {{ 7*7 }}\"\n"
    page = opened(TEXT.replace("name: small\n", hostile))
    _filled(page, "network", "onerror")
    assert page.locator("img").count() == 0
    assert page.title() == "spec.yaml – kresnet edit"
    assert "{{ 7*7 }}" in page.inner_text("[data-fill=network]")
    _put(page, "blocks: 1", "<img src=x>")
    _line(page, "problem")
    assert page.locator("img").count() == 0


def test_everything_is_reached_by_keyboard(opened):
    page = opened()
    page.locator(".cm-content").focus()
    page.keyboard.press("Tab")  # which leaves the text
    assert page.evaluate("document.activeElement.closest('.cm-editor')") is None
    reached = set()
    while page.evaluate("document.activeElement !== document.body"):
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Tab")
    assert {"view-network", "copy", "SUMMARY"} <= reached
    page.focus("#view-network")
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel-layers").is_visible()
    assert page.evaluate("document.activeElement.id") == "view-layers"
    _filled(page, "layers", "(N, 8, 8, 16)")
    page.focus("#tab-spec")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Recipe").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize(
    ("size", "scheme"),
    [pytest.param(DESKTOP, "light", id="desktop"), pytest.param(PHONE, "dark", id="phone-dark")],
)
def test_axe_finds_nothing_and_it_fits(opened, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = opened(size=size, scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(14, 19, 24)" if scheme == "dark" else "rgb(255, 255, 255)")
    for view in ("network", "layers", "changes", "experiments", "lessons"):
        page.click(f"#view-{view}")
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        found = axe.Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found] == []
    _put(page, "width: 16", "x")
    _line(page, "1 problem")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found] == []
