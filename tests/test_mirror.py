"""The tests mirror the package: `tests/ROOM/test_MODULE.py` tests `kresnet/ROOM/MODULE.py`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Modules without a test file of their own name, each with the reason.
EXCEPTIONS = {
    "kresnet/serving/protos.py": "only collects the messages and stubs that the tests of serving send and receive",
}


def _test_file(module: Path) -> Path:
    relative = module.relative_to(ROOT / "kresnet")
    return ROOT / "tests" / relative.with_name(f"test_{relative.name}")


def test_every_module_has_a_test_file_of_its_name() -> None:
    modules = sorted(path for path in (ROOT / "kresnet").rglob("*.py") if path.name != "__init__.py")
    without = {str(module.relative_to(ROOT)) for module in modules if not _test_file(module).is_file()}
    assert without == set(EXCEPTIONS)
