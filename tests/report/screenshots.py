"""Make the pictures of docs/report.md anew: `python -m tests.report.screenshots DIR`; five short runs come first."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.command import kresnet
from tests.report.browser import DESKTOP, PHONE, draw_all, launched, opened

#: Deep enough that the gradient has a way to go.
SPEC = """
name: fashion20
input: {shape: [28, 28, 1], pixels: {mean: [0.286], std: [0.353]}}
stem: {kind: conv, width: 16, kernel: 3, stride: 2}
block: {kind: basic, shortcut: identity_pad}
stages:
  - {blocks: 3, width: 16}
  - {blocks: 3, width: 32, stride: 2}
  - {blocks: 3, width: 64, stride: 2}
head: {classes: 10}
recipe: quickstart
"""
#: Name -> what is set. The first is reported, the others are compared: two seeds each, with and without shortcuts.
RUNS = {
    "deep": [],
    "residual": ["recipe.epochs=4"],
    "residual-1": ["recipe.epochs=4", "recipe.seed=1"],
    "plain": ["recipe.epochs=4", "block.shortcut=none"],
    "plain-1": ["recipe.epochs=4", "block.shortcut=none", "recipe.seed=1"],
}
#: Where the pictures are shown.
SHOWN = Path(__file__).parents[2] / "docs" / "report.md"
MEASURED = ["recipe.gradients_every_steps=20", "recipe.bn_check_every_steps=50"]


def main(folder: Path) -> None:
    """Train, write both pages, and photograph them."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        (home / "fashion20.yaml").write_text(SPEC)
        for name, overrides in RUNS.items():
            settings = [word for override in MEASURED + overrides for word in ("--set", override)]
            _do(home, "fit", "fashion20.yaml", "-o", name, *settings)
        reported, *compared = RUNS
        _do(home, "report", reported, "-o", "report.html")
        _do(home, "compare", *compared, "-o", "compare.html")
        folder.mkdir(parents=True, exist_ok=True)
        with launched() as browser:
            for page in ("report", "compare"):
                shoot(browser, home / f"{page}.html", folder)


def _do(home: Path, *words: str) -> None:
    done = kresnet(*words, cwd=home, timeout=1200)
    print(done.stderr[-200:], file=sys.stderr)
    done.check_returncode()


def shoot(browser: Any, path: Path, folder: Path) -> None:
    """What docs show of the page, on a desktop in the light and on a phone in the dark."""
    for size, scheme, name in ((DESKTOP, "light", "desktop"), (PHONE, "dark", "phone")):
        page = opened(browser, path, size, scheme)
        page.locator("#network .card > summary").filter(has_text="Block 1").first.click()
        page.add_style_tag(content="nav { position: static !important }")
        page.mouse.move(0, 0)
        draw_all(page)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # places are told from the window's top
        for section in ("overview", "network", "curves", "test", "gradients"):
            file = folder / f"{path.stem}-{section}-{name}.png"
            if file.name not in SHOWN.read_text(encoding="utf-8"):
                continue
            place = page.locator(f"#{section}").bounding_box()
            top = 0 if section == "overview" else place["y"] - 16
            height = min(place["y"] + place["height"] - top, 1500 if name == "desktop" else 1700)
            clip = {"x": 0, "y": top, "width": size[0], "height": height}
            page.screenshot(path=file, full_page=True, clip=clip)
            Image.open(file).convert("RGB").quantize(48, kmeans=1, dither=Image.Dither.NONE).save(file, optimize=True)
        page.context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
