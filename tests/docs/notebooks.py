"""Run a notebook in a kernel of its own; `python -m tests.docs.notebooks` writes the outputs into those of docs/."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

from tests.docs.markdown import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def executed(path: Path, directory: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of its cells, run one after the other in `directory`; a cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(directory)}}, record_timing=False
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def shrunk(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with its pictures in few colours."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if picture := output.get("data", {}).get("image/png"):
            image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
            image.quantize(32, kmeans=1, dither=Image.Dither.NONE).save(smaller := io.BytesIO(), "PNG", optimize=True)
            output["data"]["image/png"] = base64.b64encode(smaller.getvalue()).decode() + "\n"
    return notebook


if __name__ == "__main__":
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as directory:
            nbformat.write(shrunk(executed(path, Path(directory))), path)
