"""The lessons of docs/lessons as notebooks: `python -m tests.docs.lessons DIR`. Nothing is written twice.

Prose becomes cells of text, Python cells of code, commands cells of `%%sh`, and a document a cell that writes its file;
what a block prints is left out, since the cell will print it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kresnet.pages.lessons import Lesson, lessons
from tests.docs.markdown import ROOT, blocks

_FENCE = re.compile(r"^```(\S+)[^\n]*\n.*?^```\n", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)]+)\)")


def notebook(lesson: Lesson) -> nbformat.NotebookNode:
    """Return a lesson as a notebook, not run yet."""
    text = lesson.page.read_text(encoding="utf-8")
    cells, end = [], 0
    for found, block in zip(_FENCE.finditer(text), blocks(text), strict=True):
        prose, end = text[end : found.start()].strip(), found.end()
        if prose:
            cells.append(new_markdown_cell(_without_links(prose)))
        match block.language:
            case "python":
                cells.append(new_code_cell(block.text.strip()))
            case "sh":
                cells.append(new_code_cell(f"%%sh -e\n{block.text.strip()}"))
            case "yaml":
                name, _, document = block.text.removeprefix("# ").partition("\n")
                cells.append(new_code_cell(f"%%writefile {name}\n{document.strip()}"))
            case "text" if block.is_output:
                pass
            case _:
                cells.append(new_markdown_cell(found[0].strip()))
    if rest := text[end:].strip():
        cells.append(new_markdown_cell(_without_links(rest)))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"  # else they are random
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def _without_links(text: str) -> str:
    """Return text whose links to other pages are their words, and whose pictures are left to the page."""
    return _LINK.sub(lambda link: link[0] if "://" in link[3] else "" if link[1] else link[2], text)


def write(folder: Path) -> list[Path]:
    """Write all lessons as notebooks into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for lesson in lessons():
        paths.append(folder / f"{lesson.name}.ipynb")
        nbformat.write(notebook(lesson), paths[-1])
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "lessons"):
        print(path)
