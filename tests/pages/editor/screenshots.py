"""The pictures of docs/editor.md: `python -m tests.pages.editor.screenshots docs/images/editor`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from kresnet.pages.editor.application import EditorSession, make_editor
from kresnet.pages.editor.document_file import DocumentFile
from tests.pages.asking import served
from tests.report.browser import launched

SPEC = """\
# ResNet-20 of He et al. 2015, on five classes
extends: cifar_resnet20
name: mine
block: {kind: basic, shortcut: none}
head: {classes: 5}
"""


def main(folder: Path) -> None:
    """Write `network.png`, and `experiment.png` of what shortcuts do to the gradient."""
    with tempfile.TemporaryDirectory() as home, launched() as browser:
        os.chdir(home)
        Path("mine.yaml").write_text(SPEC, encoding="utf-8")
        files = {"spec": DocumentFile("spec", "mine.yaml"), "recipe": DocumentFile("recipe", "quickstart")}
        with served(make_editor(EditorSession(files))) as address:
            page = browser.new_page(viewport={"width": 1180, "height": 640})
            page.set_default_timeout(300_000)
            page.goto(address, wait_until="commit")
            page.locator(".levels").wait_for()
            page.locator(".cm-content").focus()
            page.keyboard.press("Control+End")
            page.keyboard.type("st")
            page.locator(".cm-tooltip-autocomplete").wait_for()
            page.screenshot(path=folder / "network.png")
            for _ in range(3):
                page.keyboard.press("Escape")
            for _ in range(2):
                page.keyboard.press("Backspace")
            page.set_viewport_size({"width": 1180, "height": 1300})  # what is seen is drawn
            page.click("#view-experiments")
            page.select_option("#series", "depth")
            page.click("#run")
            page.locator("[data-fill=experiment] .main-svg").first.wait_for()
            page.wait_for_timeout(1000)
            told = page.locator("[data-fill=experiment]").bounding_box()
            figure = page.locator("[data-fill=experiment] figure").first.bounding_box()
            clip = {**told, "height": figure["y"] + figure["height"] - told["y"]}
            page.screenshot(path=folder / "experiment.png", clip=clip)
            print(page.inner_text("#command"), page.inner_text("#running"))
        os.chdir("/")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
