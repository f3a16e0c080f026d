"""The lessons of the course: pages of the documentation, each with a spec to change; they ship with the package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: The fenced document with which a lesson begins: its name, and its text.
_SPEC = re.compile(r"^```yaml\n# (?P<name>[\w-]+\.yaml)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson.

    Attributes:
        name: its name, such as `1-depth`, by whose number lessons are in order.
        title: its heading.
        question: what is answered by looking, in a sentence or two.
        spec_name: the name of the spec that it changes, a file's.
        spec: the text of that spec.
        page: path of the page, in Markdown.
    """

    name: str
    title: str
    question: str
    spec_name: str
    spec: str
    page: Path


def lessons() -> tuple[Lesson, ...]:
    """Return the lessons, in order."""
    pages = (path for path in _folder().glob("*.md") if path.name[0].isdigit())
    return tuple(map(read_lesson, sorted(pages)))


def read_lesson(page: Path) -> Lesson:
    """Return the lesson that a page holds.

    Raises:
        ValueError: if the page has no heading, no question or no spec.
    """
    text = page.read_text(encoding="utf-8")
    heading, spec = re.search(r"\A# (.+)$", text, re.MULTILINE), _SPEC.search(text)
    question = re.search(r"^## The question\n\n\*\*(.+?)\*\*", text, re.MULTILINE | re.DOTALL)
    if not (heading and spec and question):
        raise ValueError(f"{page} is no lesson: it wants a heading, a fenced spec with its name, and a question.")
    return Lesson(page.stem, heading[1], " ".join(question[1].split()), spec["name"], spec["text"], page)


@cache
def _folder() -> Path:
    """Return the folder of lessons: inside the installed package, or the checkout's own."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "lessons"
    return shipped if shipped.is_dir() else package.parent / "docs" / "lessons"


__all__ = ["Lesson", "lessons", "read_lesson"]
