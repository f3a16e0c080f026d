"""How soon the editor page answers a key: from typing to the network drawn, in Chromium, of a small and a deep network.

python -m benchmarks.editor [--keys 40]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from kresnet.pages.editor.application import EditorSession, make_editor
from kresnet.pages.editor.document_file import DocumentFile
from tests.pages.asking import served
from tests.report.browser import launched

NETWORKS = ("resnet50", "cifar_resnet1202")


def milliseconds(page: Any, keys: int) -> list[float]:
    """From each key to the frame after the network it means was drawn."""
    found = []
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+End")
    for number in range(keys):
        page.evaluate("delete document.documentElement.dataset.answered")
        page.keyboard.type(str(number % 10) if number else "# ")
        while not page.evaluate("document.documentElement.dataset.answered"):
            time.sleep(0.01)
        found.append(float(page.evaluate("document.documentElement.dataset.answered")))
        time.sleep(0.5)  # for what the change was to be told, which is asked for later
    return found[1:]


def main() -> None:
    """Print the median and the worst of each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        os.chdir(folder)
        for name in NETWORKS:
            Path(f"{name}.yaml").write_text(DocumentFile("spec", name).read().text, encoding="utf-8")
            files = {"spec": DocumentFile("spec", f"{name}.yaml"), "recipe": DocumentFile("recipe", None)}
            with served(make_editor(EditorSession(files))) as address:
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(address, wait_until="commit")
                page.locator(".levels").wait_for()
                times = milliseconds(page, arguments.keys)
                page.close()
            print(f"{name}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {len(times)} keys")
        os.chdir("/")


if __name__ == "__main__":
    main()
