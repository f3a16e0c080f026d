"""What `import kresnet` offers: these names, with these signatures, nothing imported before it is used."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import kresnet

SURFACE = Path(__file__).with_name("surface.txt")
HEAVY = ("tensorflow", "keras", "numpy", "matplotlib", "rich", "typer", "pydantic", "IPython")

PROBE = f"""
import sys
def loaded(): return sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r}))
import kresnet
assert loaded() == [] and [name for name in sys.modules if name.startswith("kresnet.")] == ["kresnet.version"], loaded()
dir(kresnet), kresnet.__version__
network = kresnet.load("resnet50", {{"head.classes": 10}})
repr(network), str(network.plan()), network._repr_html_(), network.spec._repr_html_(), network.published()
kresnet.recipe("quickstart"), kresnet.specs(), kresnet.schema(), kresnet.diff("resnet18", "resnet34")
print(*loaded())
"""


def surface() -> str:
    """Every public name with its signature, those of a class's methods below it."""
    lines = []
    for name in kresnet.__all__:
        value = getattr(kresnet, name)
        if inspect.isclass(value):
            lines.append(name)
            for attribute, member in sorted(vars(value).items()):
                if not attribute.startswith("_"):
                    told = inspect.signature(member) if inspect.isfunction(member) else ""
                    lines.append(f"  {attribute}{told}")
        elif callable(value):
            lines.append(f"{name}{inspect.signature(value)}")
    return "\n".join(lines) + "\n"


def test_the_surface_is_what_was_promised():
    """A change here is a change for every user; `python -m tests.api.test_surface` writes it down."""
    assert surface() == SURFACE.read_text()


def test_importing_kresnet_imports_nothing_and_looking_at_networks_no_tensorflow():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["pydantic"]


def test_every_name_is_listed_and_documented():
    assert kresnet.__all__ == sorted(kresnet.__all__)
    assert set(kresnet.__all__) <= set(dir(kresnet))
    for name in set(kresnet.__all__) - {"__version__"}:
        assert inspect.getdoc(getattr(kresnet, name)), name


def test_no_name_is_also_a_module_which_would_take_its_place_once_imported():
    assert not {module.name for module in pkgutil.iter_modules(kresnet.__path__)} & set(kresnet.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = kresnet.lod


@pytest.mark.parametrize("module", ["network", "run", "table", "scaling", "training", "conversion", "export", "checks"])
def test_the_examples_of_docstrings_give_what_they_say(module):
    found = doctest.testmod(importlib.import_module(f"kresnet.api.{module}"))
    assert found.failed == 0
    assert found.attempted or module not in ("network", "table")


if __name__ == "__main__":
    SURFACE.write_text(surface())
