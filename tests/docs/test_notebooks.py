"""Notebooks run from top to bottom, and are kept with the outputs of such a run."""

from __future__ import annotations

import nbformat
import pytest

from tests.docs.notebooks import NOTEBOOKS, executed


def shown(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each cell shows: streams by name, else the kinds of data."""
    return [
        [each["name"] if each["output_type"] == "stream" else " ".join(sorted(each["data"])) for each in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_what_it_was_kept_with(path, tmp_path):
    kept = nbformat.read(path, as_version=4)
    nbformat.validate(kept)
    found = executed(path, tmp_path)
    assert shown(found) == shown(kept)
    assert [cell.execution_count for cell in kept.cells if cell.cell_type == "code"] == list(
        range(1, len(shown(kept)) + 1)
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_tells_nothing_of_the_machine_that_it_ran_on(path):
    text = path.read_text()
    assert "/tmp/" not in text
    assert "/home/" not in text
    assert "Traceback" not in text
