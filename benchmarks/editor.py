"""How soon the editor page answers a key: from typing to the network drawn, in Chromium, of a small and a deep network.

python -m benchmarks.editor [--keys 40]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kresnet.pages.editor.document_file import DocumentFile
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
        page.locator("html[data-answered]").wait_for()
        found.append(float(page.evaluate("document.documentElement.dataset.answered")))
        time.sleep(0.5)  # for what the change was to be told, which is asked for later
    return found[1:]


@contextmanager
def edited(document: Path) -> Iterator[str]:
    """Edit a document by the command, in a process of its own; the page's address."""
    command = [sys.executable, "-m", "kresnet", "edit", str(document), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        finally:
            process.terminate()


def main() -> None:
    """Print the median and the worst of each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        for name in NETWORKS:
            document = Path(folder) / f"{name}.yaml"
            document.write_text(DocumentFile("spec", name).read().text, encoding="utf-8")
            with edited(document) as address:
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(address, wait_until="commit")
                page.locator(".levels").wait_for()
                times = milliseconds(page, arguments.keys)
                page.close()
            print(f"{name}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {len(times)} keys")


if __name__ == "__main__":
    main()
