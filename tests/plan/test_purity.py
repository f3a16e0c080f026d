"""Spec and plan are pure Python: no TensorFlow, no Keras, and nothing above them in the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kresnet"
FILES = sorted(
    [*PACKAGE.glob("spec/**/*.py"), *PACKAGE.glob("plan/*.py"), PACKAGE / "errors.py", PACKAGE / "registry.py"]
)

#: What the files may import: the standard library (not listed) and these.
ALLOWED = {
    "spec": {"pydantic", "pydantic_core", "ruamel.yaml", "kresnet.errors", "kresnet.registry", "kresnet.spec"},
    "plan": {"pydantic", "kresnet.errors", "kresnet.registry", "kresnet.spec", "kresnet.plan"},
    "kresnet": {"kresnet.errors"},
}
THIRD_PARTY = {
    "tensorflow",
    "keras",
    "numpy",
    "rich",
    "typer",
    "pydantic",
    "pydantic_core",
    "ruamel",
    "kresnet",
    "tensorboard",
    "PIL",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_stay_below(path: Path) -> None:
    allowed = ALLOWED["kresnet" if path.parent == PACKAGE else path.relative_to(PACKAGE).parts[0]]
    for name in imports(path):
        if name.partition(".")[0] in THIRD_PARTY:
            assert any(name == prefix or name.startswith(prefix + ".") for prefix in allowed), name
