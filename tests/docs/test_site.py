"""The documentation as a site: it builds, shows every block as one, and no broken link gets through."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.markdown import ROOT, blocks


def build(project) -> subprocess.CompletedProcess[str]:
    """As `make docs`, in a copy of the project."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ".mkdocs.yml"],
        cwd=project,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / ".mkdocs.yml", tmp_path)
    (tmp_path / "kresnet").symlink_to(ROOT / "kresnet")
    return tmp_path


def test_every_page_is_built_every_block_shown_as_one_and_nothing_loaded_from_elsewhere(project):
    done = build(project)
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        html = (project / "build/site" / page.relative_to(ROOT / "docs")).with_suffix(".html").read_text()
        shown = html.split("<article", 1)[1]
        assert shown.count("<pre>") >= len(blocks(page.read_text())), page
        assert "\n```" not in shown, page
        loaded = re.findall(r"<(?:script|img|source|iframe)[^>]* src=[\"']?([^\"' >]+)", html)
        loaded += re.findall(
            r"<link[^>]* rel=[\"']?(?:stylesheet|preconnect|icon)[\"']?[^>]* href=[\"']?([^\"' >]+)", html
        )
        assert loaded
        assert not [address for address in loaded if address.startswith(("http:", "https:", "//"))], page


LEADS_NOWHERE = {
    "[gone](gone.md)": "gone.md",
    "[nowhere](training.md#nowhere)": "#nowhere",
    "![no picture](figures/none.png)": "figures/none.png",
}


def test_what_leads_nowhere_is_an_error(tmp_path):
    """By the same configuration, for two pages."""
    settings, nav, _ = (ROOT / ".mkdocs.yml").read_text().partition("\nnav:\n")
    assert nav
    (tmp_path / ".mkdocs.yml").write_text(settings)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/fences.py", tmp_path / "docs")
    (tmp_path / "docs/training.md").write_text("# Training\n")
    index = tmp_path / "docs/index.md"
    index.write_text("# Home\n\n[training](training.md#training)\n")
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    with index.open("a") as page:
        page.write("\n\n".join(["", *LEADS_NOWHERE]))
    done = build(tmp_path)
    assert done.returncode == 1
    for told in LEADS_NOWHERE.values():
        assert told in done.stderr


def test_the_page_of_the_command_line_is_the_generated_one(tmp_path):
    command = [
        "utils",
        "docs",
        "--name",
        "kresnet",
        "--title",
        "The command line",
        "--output",
        str(tmp_path / "cli.md"),
    ]
    subprocess.run([sys.executable, "-m", "typer", "kresnet.cli.all_verbs", *command], check=True, capture_output=True)
    assert (ROOT / "docs/cli.md").read_text() == (tmp_path / "cli.md").read_text(), "make reference"
