"""docs/errors.md explains every code, and its examples give the code that they stand under."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from kresnet.errors import CODES
from tests.command import kresnet
from tests.docs.markdown import ROOT, Block, blocks, prepare, run

TEXT = (ROOT / "docs" / "errors.md").read_text()
SECTIONS = {
    match[1]: match[2] for match in re.finditer(r"^### `(\w+)`\n(.*?)(?=^#{2,3} |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
EXAMPLES = {code: [block for block in blocks(text) if block.language == "sh"] for code, text in SECTIONS.items()}


def test_the_page_explains_each_code_and_no_other():
    assert list(SECTIONS) == sorted(SECTIONS, key=list(CODES).index)
    assert SECTIONS.keys() == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_the_page_states_the_exit_status(code):
    assert f"Exit status {CODES[code]}." in SECTIONS[code]


@pytest.mark.parametrize("code", [code for code in CODES if not EXAMPLES.get(code)])
def test_a_code_without_an_example_names_the_test_that_provokes_it(code):
    """Some cannot be provoked by a command alone: a full disk, a kill, a bug."""
    named = re.findall(r"`(tests/\S+\.py)`", SECTIONS[code])
    assert named
    for path in named:
        assert code in (ROOT / path).read_text()


@pytest.mark.parametrize("code", [code for code in CODES if EXAMPLES.get(code)])
def test_the_example_gives_the_code(code, tmp_path):
    prepare(tmp_path)
    for block in blocks(SECTIONS[code]):
        if block.language in ("yaml", "json"):
            run(block, tmp_path)
        elif block.language == "sh":
            printed = run_example(block, tmp_path)
    assert f"[{code}]" in printed


def run_example(block: Block, folder: Path) -> str:
    """Have a shell run what leads up to the last command, `kresnet ...`, and a process that forks run that one."""
    before, command = re.fullmatch(
        r"(.*^|)kresnet (.*)", block.text.replace("\\\n", ""), re.MULTILINE | re.DOTALL
    ).groups()
    if before:
        run(replace(block, words="", text=before), folder)
    done = kresnet(*shlex.split(command), cwd=folder)
    printed = done.stdout + done.stderr
    assert done.returncode == block.status, printed
    assert "Traceback" not in printed
    return printed
