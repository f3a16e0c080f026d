"""docs/architecture.md names rooms and functions that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
GROUND = (
    "errors",
    "files",
    "registry",
    "runtime",
    "cores",
    "processor",
    "process_memory",
    "terminal",
    "version",
    "native_messages",
    "python_processes",
)


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def named(title: str) -> list[str]:
    """Dotted names in backticks that begin with a room or a ground module."""
    rooms = [path.parent.name for path in (ROOT / "kresnet").glob("*/__init__.py")]
    return re.findall(rf"`((?:{'|'.join([*rooms, *GROUND])})\.[\w.]+)`", section(title))


def defines(names: list[str]) -> bool:
    """Whether `kresnet` has a module of the first names that defines the others, one within the other."""
    for length in range(len(names), 0, -1):
        path = ROOT.joinpath("kresnet", *names[:length])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.is_file():
            body = ast.parse(file.read_text(encoding="utf-8")).body
            for name in names[length:]:
                found = [node for node in body if name in defined(node)]
                if not found:
                    return False
                body = getattr(found[0], "body", [])
            return True
    return False


def defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_every_room_is_in_the_table_of_rooms() -> None:
    rooms = {path.parent.name for path in (ROOT / "kresnet").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `kresnet/(\w+)/`", section("Rooms"), re.M)) == rooms
    assert {path.stem for path in (ROOT / "kresnet").glob("*.py")} - {"__init__", "__main__", "extensions"} == set(
        GROUND
    )
    assert "| `kresnet/extensions.py` |" in section("Rooms")
    assert all(f"`{module}`" in section("Rooms") for module in GROUND)


@pytest.mark.parametrize("title", ["a spec", "an image", "a run", "a request", "an error"])
def test_the_functions_on_a_way_are_there(title: str) -> None:
    names = named(f"The way of {title}")
    assert len(names) >= 7
    assert [name for name in names if not defines(name.split("."))] == []
