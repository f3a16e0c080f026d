"""Modules import each other in one direction, deferred and type-only imports counted; see docs/architecture.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

#: Rooms and modules that may know the package that offers them.
ABOVE_THE_ROOT = ("kresnet.api", "kresnet.cli", "kresnet.__main__")


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("kresnet", cache_dir=None)


def test_no_module_imports_itself_by_a_detour(imports: grimp.ImportGraph) -> None:
    """The contract of acyclic siblings does not see a circle between a package and a module inside it."""
    sorter = TopologicalSorter({each: imports.find_modules_directly_imported_by(each) for each in imports.modules})
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_lower_rooms_do_not_import_the_package_root(imports: grimp.ImportGraph) -> None:
    importers = imports.find_modules_that_directly_import("kresnet")
    assert [name for name in sorted(importers) if not name.startswith(ABOVE_THE_ROOT)] == []


def test_the_contracts_make_no_exception() -> None:
    assert "ignore_imports" not in PYPROJECT.read_text(encoding="utf-8")


def test_no_two_public_classes_share_a_name() -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for path in sorted((PYPROJECT.parent / "kresnet").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(str(path.relative_to(PYPROJECT.parent)))
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}
