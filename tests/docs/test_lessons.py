"""The lessons as notebooks: all of a page is in them, they are valid, and they run without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest

from kresnet.pages.lessons import lessons
from tests.docs.lessons import notebook, write
from tests.docs.markdown import blocks
from tests.docs.notebooks import executed


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_a_notebook_has_every_block_and_every_paragraph_of_its_page(lesson):
    made = notebook(lesson)
    nbformat.validate(made)
    code = [cell.source for cell in made.cells if cell.cell_type == "code"]
    runs = [block for block in blocks(lesson.page.read_text()) if block.language in ("python", "sh", "yaml")]
    assert len(code) == len(runs)
    assert f"%%writefile {lesson.spec_name}\n{lesson.spec.strip()}" in code
    prose = "\n\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert lesson.title in prose
    assert "## The question" in prose
    assert "## The answer" in prose
    assert ".md" not in prose
    assert notebook(lesson) == made


def test_they_are_written_in_order(tmp_path):
    assert [path.name for path in write(tmp_path / "lessons")] == [f"{lesson.name}.ipynb" for lesson in lessons()]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_runs_as_a_notebook(lesson, tmp_path, monkeypatch):
    path = tmp_path / f"{lesson.name}.ipynb"
    nbformat.write(notebook(lesson), path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):  # nothing is asked of a network
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    made = executed(path, tmp_path)
    assert all(cell.outputs for cell in made.cells if cell.cell_type == "code" and "print(" in cell.source)
