"""The runnable blocks of a Markdown file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"\A# (\S+\.(?:yaml|json|py))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text and line."""

    language: str
    words: str
    text: str
    line: int

    @property
    def status(self) -> int:
        """The exit status that the text around the block promises: ```sh exit=2."""
        found = re.search(r"exit=(\d)", self.words)
        return int(found[1]) if found else 0

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before it printed: ```text output."""
        return self.language == "text" and "output" in self.words.split()


def blocks(text: str) -> list[Block]:
    return [
        Block(found[1], found[2], found[3], text[: found.start()].count("\n") + 1) for found in _BLOCK.finditer(text)
    ]


def prepare(directory: Path) -> None:
    """Let commands name the repository's docs and specs by their relative paths."""
    for name in ("docs", "specs"):
        (directory / name).symlink_to(ROOT / name)


def shows(text: str, printed: str) -> bool:
    """Whether the lines of `text` stand in `printed` in a row, blanks at their ends aside.

    `...` is any number of lines, or within a line anything.
    """
    pattern = ""
    for line in map(str.rstrip, text.splitlines()):
        within = ".*".join(map(re.escape, line.split("..."))) + r"\n"
        pattern += r"(?:.*\n)*?" if line.strip() == "..." else within
    tidy = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    return re.search("^" + pattern, tidy, re.MULTILINE) is not None


def run(block: Block, directory: Path) -> str:
    """Run a `sh` or `python` block, or write one of `yaml`, `json` or `python` that names its file.

    Returns:
        What it printed, on both streams.
    """
    named = _FILE.match(block.text)
    if named:
        (directory / named[1]).write_text(block.text)
    if named or block.language in ("yaml", "json"):
        return ""
    command = {"sh": ["sh", "-e", "-c"], "python": [sys.executable, "-c"]}[block.language]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, block.text],
        cwd=directory,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=900,
        check=False,
    )
    assert done.returncode == block.status, f"line {block.line}: exit {done.returncode}\n{block.text}\n{done.stdout}"
    assert "Traceback" not in done.stdout
    return done.stdout
